/**
 * Settings from the process environment: `NODE_ID`, and `PAIRDB_SECTION_KEY` for every key of the file.
 *
 * Kubernetes puts `PAIRDB_…_SERVICE_HOST` and the like into every pod beside a service of such a name: those are
 * not ours. What else begins with `PAIRDB_` and is no key gets a warning. An empty variable counts as unset.
 */
import type { RawSections } from "./legacy-keys.ts";
import { sectionKeys } from "./schema.ts";
import { closest } from "./suggest.ts";

export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

export interface EnvironmentSettings {
  readonly sections: RawSections;
  /** Name of the variable that a path's value came from. */
  readonly origins: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

const prefix = "PAIRDB_";
const serviceLink = /_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?)$/;

/** What commands that call a node read. */
const ofClients: ReadonlySet<string> = new Set(["PAIRDB_TOKEN_FILE"]);

/** Paths by variable name: `PAIRDB_COMMIT_LOG_SYNC` is `commit_log.sync`. */
const paths: ReadonlyMap<string, [section: string, key: string]> = new Map([
  ["NODE_ID", ["server", "node_id"]],
  ...Object.entries(sectionKeys).flatMap(([section, keys]) =>
    keys.map((key): [string, [string, string]] => [
      `${prefix}${section}_${key}`.toUpperCase(),
      [section, key],
    ]),
  ),
]);

export function settingsFromEnvironment(environment: ProcessEnvironment): EnvironmentSettings {
  const sections: Record<string, Record<string, unknown>> = {};
  const origins = new Map<string, string>();
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === "") continue;
    const path = paths.get(name);
    if (path === undefined) {
      if (name.startsWith(prefix) && !serviceLink.test(name) && !ofClients.has(name))
        warnings.push(unknownVariable(name));
      continue;
    }
    const [section, key] = path;
    // NODE_ID gives way to the full name.
    if (name === "NODE_ID" && environment[`${prefix}SERVER_NODE_ID`]) continue;
    sections[section] ??= {};
    sections[section][key] = value;
    origins.set(`${section}.${key}`, name);
  }
  return { sections, origins, warnings };
}

function unknownVariable(name: string): string {
  const suggestion = closest(name, paths.keys());
  return `the environment variable ${name} is no setting${suggestion === undefined ? "" : `; is ${suggestion} meant?`}`;
}
