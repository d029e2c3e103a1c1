/** Real nodes that call each other: by TLS with certificates of both, by tokens that change, and as members of a ring. */
import { afterAll, describe, expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Slice } from "../../src/base/bytes.ts";
import type { StorageError } from "../../src/base/errors.ts";
import { StorageNodeService } from "../../src/gen/storage/storage_node_pb.ts";
import { PeerConnection } from "../../src/peers/peer-connection.ts";
import type { PeerTls } from "../../src/peers/peer-credentials.ts";
import { clockFrom } from "../../src/versions/vector-clock.ts";
import { isOpensslThere, makeAuthority, makeCertificate } from "../support/certificates.ts";
import { freePort } from "../support/gossip/foreign-members.ts";
import { type NodeProcess, runCommand, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";
import { testToken, tokenFileText } from "../support/tokens.ts";

const folder = temporaryFolder();
const record = (key: string) => ({ tenantId: "t", key, value: new TextEncoder().encode(key) });

const replicated = {
  tenantId: "t",
  key: "k",
  versions: [
    {
      clock: clockFrom([{ nodeId: "c", timestamp: 1n }]),
      timestampSeconds: 1,
      isTombstone: false,
      value: new Slice(new Uint8Array(1)),
    },
  ],
};

function clientOf(node: NodeProcess) {
  const baseUrl = `http://${node.grpcAddress}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  afterAll(() => sessionManager.abort());
  return createClient(StorageNodeService, createGrpcTransport({ baseUrl, sessionManager }));
}

type Client = ReturnType<typeof clientOf>;

/** The number of keys, or the status and message of the failure. */
async function replicate(client: Client, targetNodeId: string): Promise<string> {
  try {
    const { keysReplicated } = await client.replicateData({ tenantId: "t", targetNodeId });
    return `${keysReplicated} keys`;
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return `${Code[code]}: ${rawMessage}`;
  }
}

/** Resolves once the outcome begins so; the test's own time bounds it. */
async function eventually(client: Client, targetNodeId: string, outcome: string): Promise<void> {
  while (!(await replicate(client, targetNodeId)).startsWith(outcome)) await Bun.sleep(20);
}

/** At once, so that nobody reads half of it. */
function replaceFile(path: string, text: string, mode = 0o600): void {
  writeFileSync(`${path}.new`, text, { mode });
  renameSync(`${path}.new`, path);
}

describe.if(isOpensslThere)("to a node with TLS, client certificates and tokens", () => {
  const authority = makeAuthority(folder, "authority");
  const stranger = makeAuthority(folder, "stranger");
  const serving = makeCertificate(folder, "b", "authority");
  const own = makeCertificate(folder, "a", "authority");
  const foreign = makeCertificate(folder, "foreign", "stranger");
  const good = testToken(["cluster"]);
  const weak = testToken(["read", "write"]);
  const tokens = join(folder, "tokens");
  writeFileSync(tokens, tokenFileText([good, weak]), { mode: 0o600 });

  const startTarget = () =>
    startNode({
      args: ["--node-id", "b"],
      environment: {
        PAIRDB_AUTH_TOKEN_FILE: tokens,
        PAIRDB_TLS_CERT_FILE: serving.certificatePath,
        PAIRDB_TLS_KEY_FILE: serving.keyPath,
        PAIRDB_TLS_CLIENT_CA_FILE: authority.certificatePath,
      },
    });

  test("keys arrive; another token counts from the moment on in which the file has it", async () => {
    const target = await startTarget();
    const heldToken = join(folder, "held.token");
    writeFileSync(heldToken, good.text, { mode: 0o600 });
    const tls = {
      ca_file: authority.certificatePath,
      cert_file: own.certificatePath,
      key_file: own.keyPath,
      server_name: "localhost",
    };
    const source = await startNode({
      args: ["--node-id", "a"],
      environment: {
        PAIRDB_CLUSTER_PEERS: JSON.stringify({ b: target.grpcAddress }),
        PAIRDB_CLUSTER_TLS: JSON.stringify(tls),
        PAIRDB_CLUSTER_TOKEN_FILE: heldToken,
      },
    });
    const client = clientOf(source);
    for (const key of ["k1", "k2", "k3"]) await client.write(record(key));
    expect(await replicate(client, "b")).toBe("3 keys");
    expect(await replicate(client, "c")).toStartWith('InvalidArgument: the node "c" is not known');

    replaceFile(heldToken, weak.text);
    await eventually(client, "b", "PermissionDenied: ");
    expect(await replicate(client, "b")).toContain("does not let this node in");
    // What is no token leaves the one before in force; so does a file that others can read.
    replaceFile(heldToken, "nonsense");
    source.signal("SIGHUP");
    while (!source.output().includes("holds no token")) await Bun.sleep(20);
    replaceFile(heldToken, good.text, 0o644);
    while (!source.output().includes("others can read")) await Bun.sleep(20);
    expect(await replicate(client, "b")).toStartWith("PermissionDenied: ");
    replaceFile(heldToken, good.text);
    source.signal("SIGHUP");
    await eventually(client, "b", "3 keys");
    expect(source.output()).not.toContain(good.text.split("_")[2] ?? "");
  }, 120_000);

  test("nobody is called who cannot show that he is meant, and nobody lets one in who shows too little", async () => {
    const target = await startTarget();
    const peerWith = (tls: PeerTls | undefined, authorization: string | undefined) =>
      PeerConnection.to({
        nodeId: "b",
        locate: async () => ({ address: "127.0.0.1", port: target.grpcPort, serverName: "127.0.0.1" }),
        credentials: () => ({ tls, authorization }),
      });
    const shown = { certificate: own.certificate, key: own.key };
    const cases: [string, PeerTls | undefined, string | undefined, string][] = [
      ["all", { authority: authority.certificate, ...shown }, good.authorization, "1 written"],
      ["another authority", { authority: stranger.certificate, ...shown }, good.authorization, "UNAVAILABLE"],
      ["the system's authorities", shown, good.authorization, "UNAVAILABLE"],
      ["no certificate", { authority: authority.certificate }, good.authorization, "UNAVAILABLE"],
      [
        "a stranger's certificate",
        { authority: authority.certificate, certificate: foreign.certificate, key: foreign.key },
        good.authorization,
        "UNAVAILABLE",
      ],
      [
        "another name",
        { authority: authority.certificate, ...shown, serverName: "other.example" },
        good.authorization,
        "UNAVAILABLE",
      ],
      ["cleartext", undefined, good.authorization, "UNAVAILABLE"],
      ["no token", { authority: authority.certificate, ...shown }, undefined, "PERMISSION_DENIED"],
      [
        "a weak token",
        { authority: authority.certificate, ...shown },
        weak.authorization,
        "PERMISSION_DENIED",
      ],
    ];
    const outcomes: [string, string][] = [];
    for (const [name, tls, authorization] of cases) {
      const peer = await peerWith(tls, authorization);
      const outcome = await peer
        .writeReplicated([replicated], { signal: AbortSignal.timeout(60_000), timeoutMs: 20_000 })
        .then(
          ({ keysWritten }) => `${keysWritten} written`,
          ({ code }: StorageError) => code,
        );
      outcomes.push([name, outcome]);
      peer.close();
    }
    expect(outcomes).toEqual(cases.map(([name, , , outcome]) => [name, outcome]));
  }, 120_000);
});

test("a file that is missing, wrong or open to others keeps the node from starting", async () => {
  const open = join(folder, "open.token");
  writeFileSync(open, testToken(["cluster"]).text, { mode: 0o644 });
  const missing = join(folder, "missing");
  const refusals = [
    [{ PAIRDB_CLUSTER_TOKEN_FILE: missing }, "cluster.token_file: cannot use"],
    [{ PAIRDB_CLUSTER_TOKEN_FILE: open }, "others can read"],
    [{ PAIRDB_CLUSTER_TLS: `{ca_file: ${missing}}` }, "cluster.tls.ca_file: cannot read"],
    [{ PAIRDB_CLUSTER_TLS: `{cert_file: ${missing}}` }, "cert_file together with key_file"],
    [{ PAIRDB_CLUSTER_PEERS: "{b: nowhere}" }, "cluster.peers"],
  ] as const;
  for (const [environment, message] of refusals) {
    const { exitCode, stderr } = await runCommand(["serve", "--data-dir", join(folder, "refused")], {
      environment,
    });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
  }
}, 60_000);

test("a member of the ring is a target by its name, and one that has left is none", async () => {
  const ports = [await freePort(), await freePort()];
  const start = (name: string, port: number | undefined) =>
    startNode({
      args: ["--node-id", name],
      environment: {
        PAIRDB_GOSSIP_ENABLED: "true",
        PAIRDB_GOSSIP_BIND_PORT: String(port),
        PAIRDB_GOSSIP_SEED_NODES: ports.map((seed) => `127.0.0.1:${seed}`).join(","),
      },
    });
  const [first, second] = await Promise.all([start("n1", ports[0]), start("n2", ports[1])]);
  const client = clientOf(first);
  await client.write(record("k"));
  await eventually(client, "n2", "1 keys");
  expect((await clientOf(second).read({ tenantId: "t", key: "k" })).success).toBe(true);
  expect(await replicate(client, "n1")).toContain("is this node itself");
  await second.stop();
  await eventually(client, "n2", 'InvalidArgument: the node "n2" is not known');
}, 120_000);
