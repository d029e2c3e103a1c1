/**
 * Each kind of fault meets a stream twice, while it copies and while it follows writes, in the clear and with certificates
 * and tokens of both sides: the stream ends with all at the target, whether or not it counted as failed meanwhile.
 *
 * `PAIRDB_STREAM_FAULTS=all` runs all of them, with partitions of 20 s, and prints the table of docs/migration.md; the
 * default is a few. The full disk is a file system in memory, which only root can mount.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClientCredentials } from "../../src/cli/client-credentials.ts";
import { isOpensslThere, makeAuthority, makeCertificate } from "../support/certificates.ts";
import { requirePeer } from "../support/peers.ts";
import {
  beginStream,
  expectMoved,
  MovingKeys,
  type Route,
  stopStream,
  streamStatus,
  untilState,
  waitFor,
} from "../support/streams/moving-keys.ts";
import { Relay } from "../support/streams/relay.ts";
import { ReplaceableNode, type ReplaceableOptions } from "../support/streams/replaceable-node.ts";
import { temporaryFolder } from "../support/temp-folder.ts";
import { testToken, tokenFileText } from "../support/tokens.ts";

const isWhole = process.env["PAIRDB_STREAM_FAULTS"] === "all";
const keyCount = isWhole ? 20_000 : 3000;
const valueBytes = 300;
const partitionMs = isWhole ? 20_000 : 1000;
const diskBytes = 256 << 20;
const folder = temporaryFolder();

interface Scene extends Route {
  readonly relay: Relay;
}

interface Fault {
  readonly name: string;
  /** With certificates and tokens, in the short form. */
  readonly isSecuredInShort?: boolean;
  readonly isInShort: boolean;
  strike(scene: Scene): Promise<void>;
}

const faults: readonly Fault[] = [
  { name: "SIGKILL of the source", isInShort: false, strike: ({ source }) => source.replace() },
  { name: "SIGKILL of the target", isInShort: false, strike: ({ target }) => target.replace() },
  {
    name: "SIGKILL of both",
    isInShort: true,
    isSecuredInShort: true,
    strike: async ({ source, target }) => void (await Promise.all([source.replace(), target.replace()])),
  },
  { name: "partition", isInShort: true, strike: partition },
  { name: "target's disk full", isInShort: false, strike: fillDisk },
  { name: "stop, and start again", isInShort: false, strike: stopAndStart },
];

async function partition({ relay }: Scene): Promise<void> {
  relay.silence();
  await Bun.sleep(partitionMs);
  relay.restore();
}

async function stopAndStart(scene: Scene): Promise<void> {
  expect(await stopStream(scene)).toMatchObject({ success: true });
  await beginStream(scene);
}

/** Until the stream counts as failed, which it does though it is tried on. */
async function fillDisk(scene: Scene): Promise<void> {
  const { dataDirectory } = scene.target.node;
  const ballast = join(dataDirectory, "../ballast");
  const { bavail, bsize } = statfsSync(dataDirectory);
  writeFileSync(ballast, new Uint8Array(Math.floor(bavail * bsize * 0.98)));
  await untilState(scene, "failed");
  rmSync(ballast);
}

/** The folder of a file system of its own. */
function smallDisk(name: string): string {
  const path = join(folder, name);
  const mount = `mkdir -p ${path} && mount -t tmpfs -o size=${diskBytes} none ${path} && mkdir ${path}/data`;
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", mount], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(stderr.toString());
  // Lazily: the node that uses it ends after this.
  afterAll(() => void Bun.spawnSync(["umount", "-l", path]));
  return join(path, "data");
}

/** Both sides ask for a certificate and a token, and show one to the other. */
function securedOptions(): ReplaceableOptions {
  const authority = makeAuthority(folder, "authority");
  const { certificatePath, keyPath, certificate, key } = makeCertificate(folder, "node", "authority");
  const token = testToken(["read", "write", "cluster"]);
  const [tokens, held] = [join(folder, "tokens"), join(folder, "held.token")];
  writeFileSync(tokens, tokenFileText([token]), { mode: 0o600 });
  writeFileSync(held, token.text, { mode: 0o600 });
  const tls = { ca_file: authority.certificatePath, cert_file: certificatePath, key_file: keyPath };
  return {
    credentials: {
      authorization: token.authorization,
      tls: { ca: authority.certificate, cert: certificate, key },
    } satisfies ClientCredentials,
    environment: {
      PAIRDB_TLS_CERT_FILE: certificatePath,
      PAIRDB_TLS_KEY_FILE: keyPath,
      PAIRDB_TLS_CLIENT_CA_FILE: authority.certificatePath,
      PAIRDB_AUTH_MODE: "tokens",
      PAIRDB_AUTH_TOKEN_FILE: tokens,
      PAIRDB_CLUSTER_TLS: JSON.stringify(tls),
      PAIRDB_CLUSTER_TOKEN_FILE: held,
      PAIRDB_CLUSTER_ALLOW_ANY_TARGET: "true",
    },
  };
}

/** The states that a stream was seen in. */
class StateLog {
  readonly states = new Set<string>();
  #isStopped = false;
  #running: Promise<void>;

  constructor(route: Route) {
    this.#running = this.#run(route);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(route: Route): Promise<void> {
    while (!this.#isStopped) {
      // A source that is being replaced says nothing.
      const state = await streamStatus(route).then(
        (status) => status.state,
        () => undefined,
      );
      if (state !== undefined) this.states.add(state);
      await Bun.sleep(20);
    }
  }
}

const outcomes: string[] = [];

async function endure(fault: Fault, options: ReplaceableOptions, security: string): Promise<void> {
  const isOnDisk = fault.strike === fillDisk;
  const target = await ReplaceableNode.start("target", {
    ...options,
    ...(isOnDisk ? { dataDirectory: smallDisk(`disk-${security.length}`) } : {}),
  });
  const source = await ReplaceableNode.start("source", options);
  const relay = await Relay.to(target.node.grpcPort);
  const scene: Scene = { source, target, relay, targetPort: relay.port };
  const keys = new MovingKeys(source, valueBytes);
  await keys.fill(keyCount);
  keys.begin(keyCount);
  await beginStream(scene);
  const log = new StateLog(scene);
  await waitFor(async () => (await streamStatus(scene)).keysCopied > 0n, "the copying to begin");
  const struckWhile = [(await streamStatus(scene)).state];
  await fault.strike(scene);
  await untilState(scene, "completed");
  struckWhile.push((await streamStatus(scene)).state);
  await fault.strike(scene);
  await untilState(scene, "completed");
  await keys.stop();
  const movedCount = await expectMoved(keys, scene);
  await log.stop();
  relay.close();
  await Promise.all([source.kill(), target.kill()]);
  const hasFailed = log.states.has("failed") ? "counted as failed, went on by itself" : "went on";
  outcomes.push(
    `| ${fault.name} | ${security} | ${struckWhile.join(", ")} | ${hasFailed}, completed | all ${movedCount} |`,
  );
}

const mayMount = () => requirePeer("root, who may mount a disk,", () => process.getuid?.() === 0);

function testsFor(security: string, options: () => ReplaceableOptions, isInShort: (fault: Fault) => boolean) {
  for (const fault of faults) {
    if (!isWhole && !isInShort(fault)) continue;
    const isPossible = fault.strike !== fillDisk || mayMount();
    test.if(isPossible)(`${fault.name}, ${security}`, () => endure(fault, options(), security), 600_000);
  }
}

describe("a stream and its keys outlive", () => {
  testsFor(
    "in the clear",
    () => ({}),
    (fault) => fault.isInShort && fault.isSecuredInShort !== true,
  );
});

describe.if(isOpensslThere)("a stream between nodes that ask for certificates and tokens outlives", () => {
  testsFor("mTLS and tokens", securedOptions, (fault) => fault.isSecuredInShort === true);
});

afterAll(() => {
  if (!isWhole) return;
  const head = [
    "| fault | connections | while it was | outcome | keys equal |",
    "| --- | --- | --- | --- | --- |",
  ];
  process.stdout.write(`${[...head, ...outcomes].join("\n")}\n`);
});
