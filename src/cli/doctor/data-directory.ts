/**
 * The data directory at a glance: what its manifest names is there, in the sizes that it says. Nothing is read beyond
 * the manifest, and nothing is changed, so a node may run on it meanwhile; `verify` reads it all.
 */
import { messageOf } from "../../base/errors.ts";
import {
  listNumberedFiles,
  listOrEmpty,
  lostDirectory,
  recognise,
  tablePath,
} from "../../engine/data-directory.ts";
import { requireManifest } from "../../engine/manifest/read-manifest.ts";
import type { ManifestState } from "../../engine/manifest/state.ts";
import { bytesText } from "../units.ts";
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";

export function checkDataDirectory(subject: Subject): Finding[] {
  const { environment, directories, nodeProcessId } = subject;
  const path = directories.dataDirectory;
  try {
    if (recognise(environment.files, directories) === "new") return [ok(`nothing is stored in ${path} yet`)];
    const used = nodeProcessId === undefined ? "no node runs on it" : `process ${nodeProcessId} runs on it`;
    const { state } = requireManifest(environment.files, directories);
    return [ok(`${path} is a store, and ${used}`), ...tables(subject, state), ...rest(subject, state)];
  } catch (error) {
    return [problem(messageOf(error), "the node does not start like this")];
  }
}

function tables({ environment, directories, nodeProcessId }: Subject, state: ManifestState): Finding[] {
  const named = state.levels.flat();
  const wrong = named.filter(
    ({ fileNumber, sizeBytes }) =>
      environment.files.status(tablePath(directories, fileNumber))?.sizeBytes !== sizeBytes,
  );
  // Of a running node the manifest may be older than what is there by now.
  if (wrong.length > 0 && nodeProcessId === undefined) {
    const paths = wrong.map(({ fileNumber }) => tablePath(directories, fileNumber));
    const shown = paths.slice(0, 3).join(", ");
    return [
      problem(
        `${paths.length} tables are missing or have another size: ${shown}`,
        `pairdb-node verify ${directories.dataDirectory}`,
      ),
    ];
  }
  const sizeBytes = named.reduce((sum, table) => sum + table.sizeBytes, 0);
  return [ok(`${named.length} tables, ${bytesText(BigInt(sizeBytes))}`)];
}

function rest({ environment, directories }: Subject, state: ManifestState): Finding[] {
  const { files } = environment;
  const segments = listNumberedFiles(files, directories).filter(({ kind }) => kind === "segment");
  const logBytes = segments.reduce((sum, { path }) => sum + (files.status(path)?.sizeBytes ?? 0), 0);
  const findings = [ok(`commit log: ${segments.length} segments, ${bytesText(BigInt(logBytes))}`)];
  const lost = lostDirectory(directories);
  const setAside = listOrEmpty(files, lost);
  if (setAside.length > 0) {
    findings.push(
      warning(`${setAside.length} files were set aside in ${lost}`, "look at them, and move them away"),
    );
  }
  for (const { message } of state.damage) {
    const advice = `restore from a replica, then: pairdb-node repair ${directories.dataDirectory} --acknowledge`;
    findings.push(problem(`data was lost: ${message}`, advice));
  }
  if (state.isDraining) {
    findings.push(warning("the node is draining: it takes no writes", "pairdb-node undrain ends it"));
  }
  return findings;
}
