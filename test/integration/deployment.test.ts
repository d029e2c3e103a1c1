/**
 * The secrets that docs/DEPLOYMENT.md makes are those that the manifests mount, and a node with the configuration of
 * production serves with them.
 */
import { describe, expect, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { IVolume } from "kubernetes-models/v1";
import { parse } from "yaml";
import { exposureWarnings } from "../../src/config/exposure.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { isOpensslThere } from "../support/certificates.ts";
import { codeBlocks } from "../support/documents.ts";
import { cleanEnvironment, nodeCommand, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const root = join(import.meta.dir, "../..");
const document = "docs/DEPLOYMENT.md";
const production = join(root, "k8s/overlays/prod");
const folder = temporaryFolder();

function blockWith(text: string): string {
  const found = codeBlocks(document).filter((block) => block.language === "sh" && block.text.includes(text));
  expect(found.length).toBe(1);
  return found[0]?.text ?? "";
}

/** Runs lines of the document in the test's folder. */
function shell(script: string): { exitCode: number; printed: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["bash", "-euo", "pipefail", "-c", script], {
    cwd: folder,
    env: { ...cleanEnvironment(), PATH: [join(folder, "bin"), process.env["PATH"]].join(delimiter) },
    stderr: "pipe",
  });
  return { exitCode, printed: stdout.toString() + (exitCode === 0 ? "" : stderr.toString()) };
}

mkdirSync(join(folder, "bin"));
const words = nodeCommand().map((word) => `'${word}'`);
writeFileSync(join(folder, "bin/pairdb-node"), `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`, { mode: 0o755 });

/** Files by secret, as the `kubectl create secret` lines have them. */
const secrets = new Map(
  blockWith("kubectl -n pairdb create secret")
    .split("\n")
    .flatMap((line) => {
      const name = / create secret generic (\S+)/.exec(line)?.[1];
      const files = [...line.matchAll(/--from-file=(\S+)/g)].map(([, file = ""]) => file);
      return name === undefined ? [] : [[name, files] as const];
    }),
);

/** The volumes of production's pods that are secrets, with the folder that each is mounted to. */
function mountedSecrets(): { name: string; mountPath: string; mode: number }[] {
  const set = parse(readFileSync(join(production, "statefulset.yaml"), "utf8"));
  const { volumes, containers } = set.spec.template.spec;
  const mounts: { name: string; mountPath: string }[] = containers[0].volumeMounts;
  return (volumes as IVolume[]).map(({ name, secret }) => ({
    name: secret?.secretName ?? "",
    mountPath: mounts.find((mount) => mount.name === name)?.mountPath ?? "",
    mode: secret?.defaultMode ?? 0o644,
  }));
}

test("the secrets that are made are those that are mounted", () => {
  expect([...secrets.keys()].sort()).toEqual(
    mountedSecrets()
      .map(({ name }) => name)
      .sort(),
  );
});

describe.if(isOpensslThere)("a node with production's configuration", () => {
  const made = shell(blockWith("openssl req -x509"));
  const place = (path: string) => join(folder, "pod", path);
  for (const { name, mountPath, mode } of mountedSecrets()) {
    mkdirSync(place(mountPath), { recursive: true });
    for (const file of secrets.get(name) ?? []) {
      cpSync(join(folder, file), join(place(mountPath), file));
      chmodSync(join(place(mountPath), file), mode);
    }
  }
  const configuration = readFileSync(join(production, "config.yaml"), "utf8");
  const here = configuration.replaceAll(/(?<=: )(?=\/(?:etc|var)\/)/g, join(folder, "pod"));
  writeFileSync(join(folder, "config.yaml"), here);

  test("serves holders of tokens over TLS, on the names of pods and service", async () => {
    expect(made).toMatchObject({ exitCode: 0 });
    // The ring of production is not here, and nobody is to be waited for.
    const environment = { PAIRDB_GOSSIP_ENABLED: "false", PAIRDB_SERVER_DRAIN_DELAY: "0s" };
    const args = ["--config", join(folder, "config.yaml")];
    const node = await startNode({ dataDirectory: place("data"), args, environment });

    const line = blockWith("port-forward")
      .split("\n")
      .find((candidate) => candidate.startsWith("pairdb-node status"));
    const asked = shell(line?.replace("localhost", `localhost:${node.grpcPort}`) ?? "false");
    expect(asked).toMatchObject({ exitCode: 0 });
    expect(asked.printed).toContain("auth.mode tokens; without credentials: nothing");
    expect(asked.printed).toContain("TLS");
    const health = `pairdb-node healthcheck --config config.yaml --http-port ${node.httpPort}`;
    expect(shell(health)).toMatchObject({ exitCode: 0 });

    const names = [
      "pairdb-storage-node.pairdb.svc",
      "pairdb-storage-node-0.pairdb-storage-node-headless.pairdb.svc.cluster.local",
    ];
    for (const serverName of names) {
      const tls = { ca: readFileSync(join(folder, "ca.crt"), "utf8"), serverName };
      const response = await fetch(`https://localhost:${node.httpPort}/health/ready`, {
        tls,
        headers: { host: serverName },
      });
      expect(response.status).toBe(200);
    }
    expect(await node.stop()).toBe(0);
  });
});

test("the document's configuration of a machine of its own loads, and asks for tokens over TLS", () => {
  const yaml = codeBlocks(document).find(({ language }) => language === "yaml")?.text ?? "";
  const { configuration, warnings } = loadConfiguration({
    file: "config.yaml",
    readText: () => yaml,
    environment: {},
    flags: new Map(),
    hostName: "host",
    memoryLimitBytes: 2 ** 33,
  });
  expect([...warnings, ...exposureWarnings(configuration)]).toEqual([]);
  expect(configuration.auth).toMatchObject({ mode: "tokens", anonymous_scopes: [] });
  // What the lines above it install.
  for (const file of [
    configuration.tls.cert_file,
    configuration.tls.key_file,
    configuration.auth.token_file,
  ]) {
    expect(blockWith("install -m 0640")).toContain(file?.replace("/etc/pairdb/", "") ?? "no file");
  }
});
