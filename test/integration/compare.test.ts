/** `compare` and `repair --from` between real nodes that ask for TLS and tokens, while writes go on. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type NodeConnection } from "../../src/cli/client.ts";
import { isOpensslThere, makeAuthority, makeCertificate } from "../support/certificates.ts";
import { type NodeProcess, runCommand, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";
import { type TestToken, testToken, tokenFileText } from "../support/tokens.ts";

const folder = temporaryFolder();
const bytes = (text: string) => new TextEncoder().encode(text);
const clockOf = (nodeId: string, timestamp: number) => ({
  entries: [{ coordinatorNodeId: nodeId, logicalTimestamp: BigInt(timestamp) }],
});

interface SecuredNode {
  readonly node: NodeProcess;
  readonly token: TestToken;
  readonly tokenPath: string;
  readonly connection: NodeConnection;
}

/** A node with a token of its own, so that a command which shows the wrong one fails. */
async function startSecured(name: string, ca: string): Promise<SecuredNode> {
  const { keyPath, certificatePath } = makeCertificate(folder, name, "authority");
  chmodSync(keyPath, 0o600);
  const token = testToken(["read", "write", "cluster"]);
  const tokensPath = join(folder, `${name}.tokens`);
  writeFileSync(tokensPath, tokenFileText([token]), { mode: 0o600 });
  const tokenPath = join(folder, `${name}.token`);
  writeFileSync(tokenPath, token.text, { mode: 0o600 });
  const node = await startNode({
    environment: {
      PAIRDB_TLS_CERT_FILE: certificatePath,
      PAIRDB_TLS_KEY_FILE: keyPath,
      PAIRDB_AUTH_MODE: "tokens",
      PAIRDB_AUTH_TOKEN_FILE: tokensPath,
    },
  });
  const credentials = { authorization: token.authorization, tls: { ca } };
  const connection = connect(`localhost:${node.grpcPort}`, credentials);
  return { node, token, tokenPath, connection };
}

type Entry = Parameters<NodeConnection["service"]["batchWrite"]>[0]["entries"];

async function put({ connection }: SecuredNode, entries: NonNullable<Entry>): Promise<void> {
  for (let i = 0; i < entries.length; i += 500) {
    await connection.service.batchWrite({ entries: entries.slice(i, i + 500), replicated: true });
  }
}

const nowSeconds = BigInt(Math.floor(Date.now() / 1000));
const daySeconds = 86_400n;

function entry(key: string, value: string, clock: [string, number], tenantId = "shop") {
  return { tenantId, key, value: bytes(value), vectorClock: clockOf(...clock), timestamp: nowSeconds };
}

function tombstone(key: string, clock: [string, number], ageSeconds: bigint) {
  return { ...entry(key, "", clock), isTombstone: true, timestamp: nowSeconds - ageSeconds };
}

const shared = Array.from({ length: 3000 }, (_, i) =>
  entry(`k${String(i).padStart(5, "0")}`, `v${i}`, ["c", 1]),
);

/** Writes to both nodes, first here and then there, until it is told to stop. */
function writeOn(nodes: readonly SecuredNode[]) {
  let isStopped = false;
  const run = async () => {
    for (let round = 1; !isStopped; round++) {
      for (const node of nodes) await put(node, [entry(`live-${round % 50}`, `${round}`, ["w", round])]);
    }
  };
  const ended = run();
  return {
    async stop() {
      isStopped = true;
      await ended;
    },
  };
}

test.if(isOpensslThere)(
  "nodes that have come apart are found out and brought level while they are written to",
  async () => {
    const ca = makeAuthority(folder, "authority").certificate;
    const caPath = join(folder, "ca.pem");
    writeFileSync(caPath, ca);
    const here = await startSecured("here", ca);
    const there = await startSecured("there", ca);
    afterAll(() => [here, there].forEach(({ connection }) => void connection.close()));

    await put(here, [...shared.slice(0, 2900), entry("k00007", "newer", ["c", 2])]);
    await put(there, shared);
    await put(there, [entry("siblings", "left", ["a", 1]), entry("siblings", "right", ["b", 1])]);
    await put(there, [tombstone("k00001", ["c", 2], 0n), tombstone("gone", ["c", 2], daySeconds)]);
    // Long expired on either side, and nearly so: neither counts.
    await put(there, [tombstone("expired", ["c", 1], 30n * daySeconds)]);
    await put(here, [tombstone("nearly expired", ["c", 1], 10n * daySeconds - 1800n)]);
    await put(here, [entry("only here", "h", ["c", 1])]);

    const addresses = (command: string, flag: string) => {
      const own = ["--addr", `localhost:${here.node.grpcPort}`, "--token-file", here.tokenPath];
      const peer = [flag, `localhost:${there.node.grpcPort}`, "--peer-token-file", there.tokenPath];
      return [command, ...own, "--ca-file", caPath, ...peer, "--peer-ca-file", caPath];
    };
    const compare = async (...more: string[]) => {
      const { exitCode, stdout, stderr } = await runCommand([
        ...addresses("compare", "--with"),
        "--keys",
        ...more,
      ]);
      const keys = stdout.split("\n").filter((line) => line !== "" && !line.includes("\tlive-"));
      return { exitCode, keys, stderr };
    };

    const writer = writeOn([here, there]);
    const missing = shared.slice(2900).map(({ key }) => `missing_here\tshop\t${key}`);
    const found = await compare();
    expect(found).toMatchObject({ exitCode: 1 });
    expect(found.keys.toSorted()).toEqual(
      [
        ...missing,
        "different\tshop\tk00001",
        "different\tshop\tk00007",
        "missing_here\tshop\tgone",
        "missing_here\tshop\tsiblings",
        "missing_there\tshop\tonly here",
      ].toSorted(),
    );
    const repaired = await runCommand(addresses("repair", "--from"));
    expect(repaired).toMatchObject({ exitCode: 0, stdout: "" });
    expect((await compare()).keys).toEqual(["different\tshop\tk00007", "missing_there\tshop\tonly here"]);
    await writer.stop();

    const { results } = await here.connection.service.batchRead({
      tenantId: "shop",
      keys: ["k00001", "k00007", "gone", "siblings", "only here", "expired"],
      replicated: true,
    });
    const held = results.map(({ siblings }) =>
      siblings.map(({ value, isTombstone, timestamp }) =>
        isTombstone ? nowSeconds - timestamp : new TextDecoder().decode(value),
      ),
    );
    expect(held).toEqual([[0n], ["newer"], [daySeconds], ["right", "left"], ["h"], []]);

    for (const args of [addresses("compare", "--with"), addresses("repair", "--from")]) {
      const without = await runCommand(args.slice(0, -4));
      expect(without.stderr).toMatch(`the node at localhost:${there.node.grpcPort} refused: `);
      expect(without.stderr).toContain("UNAUTHENTICATED");
    }
  },
  120_000,
);
