/** The bridge without a network: what the gate and the endpoints see. */
import { expect, test } from "bun:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-grpc";
import { StorageNodeService } from "../../../src/gen/storage/storage_node_pb.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { createBridge, type RpcHandler } from "../../../src/rpc/bridge.ts";
import { type Endpoint, endlessStream, serverStream, unary } from "../../../src/rpc/endpoint.ts";
import { errorRegistry } from "../../../src/rpc/errors.ts";
import { Gate } from "../../../src/rpc/gate.ts";
import { type FinishedCall, silentRpcObserver } from "../../../src/rpc/observer.ts";
import { unlimitedAccess, unlimitedAdmission } from "../../support/everyone.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { failureOf } from "../../support/rpc-clients.ts";

const { method } = StorageNodeService;

function bridgeOver(endpoints: Endpoint[]) {
  const finished: FinishedCall[] = [];
  const rejected: string[] = [];
  const clock = new ManualClock();
  const gate = new Gate({
    access: unlimitedAccess,
    admission: unlimitedAdmission(),
    clock,
    random: seededRandom(1),
    observer: {
      ...silentRpcObserver,
      callFinished: (call) => finished.push(call),
      requestRejected: (reason) => rejected.push(reason),
    },
  });
  const bridge = createBridge(endpoints, {
    gate,
    clock,
    maxMessageBytes: 1 << 20,
    readTimeoutMs: 1000,
    compressReplies: false,
    registry: errorRegistry,
  });
  return { gate, finished, rejected, bridge };
}

/** A gRPC client whose calls reach the bridge within this process. */
function clientOf(bridge: RpcHandler) {
  const transport = createTransport({
    baseUrl: "http://in-process",
    httpClient: async ({ url, method, header, body = createAsyncIterable([]), signal }) => {
      const request = { httpVersion: "2.0", url, method, header, body };
      const response = await bridge({ ...request, signal: signal ?? new AbortController().signal });
      const { status, trailer = new Headers() } = response;
      return {
        status,
        header: response.header ?? new Headers(),
        body: response.body ?? createAsyncIterable([]),
        trailer,
      };
    },
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: 1024,
    readMaxBytes: 1 << 20,
    writeMaxBytes: 1 << 20,
  });
  return createClient(StorageNodeService, transport);
}

const codeOf = async (call: Promise<unknown>) => ConnectError.from(await failureOf(call)).code;

test("nothing runs while the gate is closed", async () => {
  let runs = 0;
  const { bridge, gate, rejected } = bridgeOver([
    unary(method.healthCheck, () => {
      runs++;
      return {};
    }),
  ]);
  const client = clientOf(bridge);
  expect(await codeOf(client.healthCheck({}))).toBe(Code.Unavailable);
  expect([runs, rejected]).toEqual([0, ["not_serving"]]);
  gate.open();
  await client.healthCheck({});
  expect(runs).toBe(1);
});

test("methods without an endpoint are unknown, and no call", async () => {
  const { bridge, gate, rejected, finished } = bridgeOver([]);
  gate.open();
  const client = clientOf(bridge);
  expect(await codeOf(client.drainNode({}))).toBe(Code.Unimplemented);
  expect(await codeOf(Array.fromAsync(client.streamKeys({})))).toBe(Code.Unimplemented);
  expect(rejected).toEqual(["unknown_method", "unknown_method"]);
  expect(finished).toEqual([]);
});

test("a quiet stream without an end of its own ends at once when the node interrupts it", async () => {
  const { bridge, gate, finished } = bridgeOver([
    endlessStream(method.scan, async function* () {
      yield {};
      await new Promise(() => undefined);
    }),
  ]);
  gate.open();
  const stream = clientOf(bridge).scan({})[Symbol.asyncIterator]();
  await stream.next();
  const next = codeOf(stream.next());
  gate.interruptEndless(new ConnectError("the node is stopping", Code.Unavailable));
  expect(await next).toBe(Code.Unavailable);
  await gate.whenIdle();
  expect(finished.map((call) => [call.method, call.status])).toEqual([["Scan", "UNAVAILABLE"]]);
});

test("what an endpoint counts, and how it ends, is reported", async () => {
  const { bridge, gate, finished } = bridgeOver([
    unary(method.read, (_, call) => {
      call.valueBytes = 3;
      return {};
    }),
    unary(method.write, () => Promise.reject(new TypeError("x"))),
    serverStream(method.scan, async function* () {
      yield {};
    }),
  ]);
  gate.open();
  const client = clientOf(bridge);
  await client.read({});
  expect(await codeOf(client.write({}))).toBe(Code.Internal);
  expect((await Array.fromAsync(client.scan({}))).length).toBe(1);
  expect(finished.map(({ method, status, valueBytes }) => [method, status, valueBytes])).toEqual([
    ["Read", "OK", 3],
    ["Write", "INTERNAL", 0],
    ["Scan", "OK", 0],
  ]);
});
