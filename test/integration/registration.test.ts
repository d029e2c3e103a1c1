/** A node makes itself known to a coordinator, here a scripted one. */
import { afterAll, expect, test } from "bun:test";
import { createServer } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  type AddStorageNodeRequest,
  CoordinatorService,
} from "../../src/gen/proto/coordinator_service_pb.ts";
import { waitUntil } from "../support/gossip/loopback-member.ts";
import { type NodeProcess, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

/** What takes so long hangs. */
const hangMs = 60_000;

const calls: AddStorageNodeRequest[] = [];
/** What it answers next; the last one again and again. */
let answers: (() => { success: boolean; errorMessage?: string })[] = [];

const server = createServer(
  connectNodeAdapter({
    routes: (router) =>
      router.service(CoordinatorService, {
        addStorageNode(request) {
          calls.push(request);
          const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
          return answer();
        },
      }),
  }),
);
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };
afterAll(() => void server.close());

function start(dataDirectory: string, environment: Record<string, string> = {}): Promise<NodeProcess> {
  return startNode({
    dataDirectory,
    args: ["--node-id", "n1"],
    environment: {
      PAIRDB_COORDINATOR_ENABLED: "true",
      PAIRDB_COORDINATOR_HOST: "127.0.0.1",
      PAIRDB_COORDINATOR_PORT: String(port),
      PAIRDB_COORDINATOR_RETRY_INTERVAL: "20ms",
      ...environment,
    },
  });
}

const untilSaid = (node: NodeProcess, text: string) =>
  waitUntil(() => node.output().includes(text), hangMs, node.output);

const refuse = (code: Code, message: string) => () => {
  throw new ConnectError(message, code);
};
const accept = () => ({ success: true, nodeId: "n1" });

test("tries until the coordinator takes it, and not again after a restart", async () => {
  const dataDirectory = temporaryFolder();
  answers = [
    refuse(Code.Unavailable, "no leader"),
    refuse(Code.Internal, "boom"),
    () => ({ success: false, errorMessage: "a migration is under way" }),
    accept,
  ];
  const first = await start(dataDirectory);
  await untilSaid(first, '"msg":"registered with the coordinator"');
  expect(calls.length).toBe(4);
  const { nodeId, host, port: announced, virtualNodes } = calls[3]!;
  expect([nodeId, host, announced, virtualNodes]).toEqual(["n1", "127.0.0.1", first.grpcPort, 150]);
  for (const reason of ["no leader", "boom", "a migration is under way"])
    expect(first.output()).toContain(reason);
  expect(await first.stop()).toBe(0);
  const second = await start(dataDirectory);
  await untilSaid(second, "registered with the coordinator before");
  expect(calls.length).toBe(4);
}, 300_000);

test("counts as registered where the coordinator has it already, and announces its name in Kubernetes", async () => {
  answers = [refuse(Code.Internal, 'pq: duplicate key value violates unique constraint "nodes_pkey"')];
  const before = calls.length;
  const node = await start(temporaryFolder(), { POD_NAMESPACE: "pairdb", POD_IP: "10.1.2.3" });
  await untilSaid(node, '"msg":"registered with the coordinator"');
  expect(calls.slice(before).map(({ host }) => host)).toEqual([
    "n1.pairdb-storage-node-headless.pairdb.svc.cluster.local",
  ]);
}, 300_000);

test("gives up after its retries, and serves all the same", async () => {
  answers = [refuse(Code.Unavailable, "no leader")];
  const before = calls.length;
  const node = await start(temporaryFolder(), { PAIRDB_COORDINATOR_MAX_RETRIES: "2", POD_IP: "10.1.2.3" });
  await untilSaid(node, "not tried again before the next start");
  expect(calls.slice(before).map(({ host }) => host)).toEqual(["10.1.2.3", "10.1.2.3", "10.1.2.3"]);
  expect((await fetch(`${node.httpUrl}/ready`)).status).toBe(200);
}, 300_000);
