/** Plain unary calls over fetch: the thin road, held against the bridge. */
import { expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { StorageError, type StorageErrorCode, storageErrorCodes } from "../../../src/base/errors.ts";
import {
  ReadRequestSchema,
  StorageNodeService,
  WriteRequestSchema,
} from "../../../src/gen/storage/storage_node_pb.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { createBridge } from "../../../src/rpc/bridge.ts";
import { type Endpoint, unary } from "../../../src/rpc/endpoint.ts";
import { envelope } from "../../../src/rpc/envelope.ts";
import { errorRegistry } from "../../../src/rpc/errors.ts";
import { Gate } from "../../../src/rpc/gate.ts";
import { type FinishedCall, silentRpcObserver } from "../../../src/rpc/observer.ts";
import { ThinRoad } from "../../../src/rpc/thin.ts";
import { createThinFetch } from "../../../src/rpc/thin-fetch.ts";
import { unlimitedAccess, unlimitedAdmission } from "../../support/everyone.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const { method } = StorageNodeService;
const maxMessageBytes = 2000;
const readTimeoutMs = 5000;

/** Reads answer at once, writes after a while, repairs never; a key that is an error's name fails with it. */
function endpoints(repairBegun: () => void): Endpoint[] {
  const failFor = (key: string) => {
    if (Object.hasOwn(storageErrorCodes, key))
      throw new StorageError(key as StorageErrorCode, `it is ${key} – ü`);
    if (key === "bug") throw new TypeError("a bug");
  };
  return [
    unary(method.read, ({ tenantId, key }, call) => {
      if (key.length % 3 === 0) call.responseHeaders.set("x-length", String(key.length));
      if (key.length % 2 === 0) call.responseTrailers.set("x-echo", call.request.header("x-word") ?? "none");
      failFor(key);
      return { success: true, value: new TextEncoder().encode(`${tenantId}/${key}`), siblingCount: 1 };
    }),
    unary(method.write, async ({ key, value }, call) => {
      await Promise.resolve();
      failFor(key);
      call.valueBytes += value.length;
      return { success: true };
    }),
    unary(method.repair, () => {
      repairBegun();
      return new Promise<never>(() => undefined);
    }),
  ];
}

function roads() {
  const clock = new ManualClock();
  const repair = Promise.withResolvers<void>();
  const calls: { thin: FinishedCall[]; bridge: FinishedCall[] } = { thin: [], bridge: [] };
  const gateOf = (road: "thin" | "bridge") => {
    const observer = { ...silentRpcObserver, callFinished: (call: FinishedCall) => calls[road].push(call) };
    const gate = new Gate({
      clock,
      random: seededRandom(1),
      observer,
      access: unlimitedAccess,
      admission: unlimitedAdmission(),
    });
    gate.open();
    return gate;
  };
  const compressReplies = false;
  const thinGate = gateOf("thin");
  const thin = createThinFetch({
    road: new ThinRoad(endpoints(repair.resolve), { gate: thinGate, clock, maxMessageBytes }),
    clock,
    maxMessageBytes,
    readTimeoutMs,
    compressReplies,
    registry: errorRegistry,
  });
  const gate = gateOf("bridge");
  const rpc = createBridge(endpoints(repair.resolve), {
    gate,
    clock,
    maxMessageBytes,
    readTimeoutMs,
    compressReplies,
    registry: errorRegistry,
  });
  const bridge = async (request: Request) =>
    universalServerResponseToFetch(await rpc(universalServerRequestFromFetch(request, {})));
  return { thin, bridge, thinGate, clock, calls, repairBegun: repair.promise };
}

interface Sent {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

function requestOf({ method, headers, body }: Sent, signal?: AbortSignal): Request {
  return new Request(`http://node/storage.StorageNodeService/${method}`, {
    method: "POST",
    headers: { "content-length": String(body.length), ...headers },
    body,
    ...(signal === undefined ? {} : { signal }),
  });
}

async function told(response: Response) {
  const headers = [...response.headers].filter(([name]) => name !== "content-length").sort();
  return {
    status: response.status,
    headers,
    body: Buffer.from(await response.arrayBuffer()).toString("latin1"),
  };
}

const bytes = (array: Uint8Array) => new Uint8Array(array);
const readMessage = (key: string) =>
  toBinary(ReadRequestSchema, create(ReadRequestSchema, { tenantId: "t", key }));
const writeMessage = (key: string, value: Uint8Array) =>
  toBinary(WriteRequestSchema, create(WriteRequestSchema, { tenantId: "t", key, value }));

const anyKey = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom(...Object.keys(storageErrorCodes), "bug"),
);
const anyMessage = fc.oneof(
  { weight: 4, arbitrary: anyKey.map(readMessage) },
  {
    weight: 3,
    arbitrary: fc.tuple(anyKey, fc.uint8Array({ maxLength: 2100 })).map((it) => writeMessage(...it)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
);
const anyTimeout = fc.constantFrom(undefined, "10S", "1H", "5", "5X", "123456789m", "-1S", "100", "");
const mangledFrameCount = 5;

/** A frame that is cut, doubled, flagged, promises too much, or is not there. */
function mangle(frame: Uint8Array, how: number): Uint8Array {
  if (how === 0) return frame.subarray(0, Math.floor(frame.length / 2));
  if (how === 1) return Buffer.concat([frame, frame]);
  const changed = frame.slice();
  if (how === 2) changed[0] = 1;
  if (how === 3) changed[1] = 255;
  if (how === 4) return new Uint8Array(0);
  return changed;
}

const anyConnect = fc.record({
  method: fc.constantFrom("Read", "Write"),
  body: anyMessage.map(bytes),
  headers: anyTimeout.map((timeout) => ({
    "content-type": "application/proto",
    "x-word": "echo",
    ...(timeout === undefined ? {} : { "connect-timeout-ms": timeout }),
  })),
});
const anyGrpcWeb = fc
  .tuple(fc.constantFrom("Read", "Write"), anyMessage, anyTimeout, fc.boolean())
  .map(([method, message, timeout, isShort]) => ({
    method,
    body: bytes(envelope(0, message)),
    headers: {
      "content-type": isShort ? "application/grpc-web" : "application/grpc-web+proto",
      ...(timeout === undefined ? {} : { "grpc-timeout": timeout }),
    },
  }));

test("both roads give the same answers and report the same calls", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(anyConnect, anyGrpcWeb), async (sent) => {
      const { thin, bridge, calls } = roads();
      const answer = thin(requestOf(sent), `/storage.StorageNodeService/${sent.method}`);
      const expected = await told(await bridge(requestOf(sent)));
      // A body over the limit is left to the bridge.
      if (answer === undefined) {
        expect(sent.body.length).toBeGreaterThan(maxMessageBytes);
        return;
      }
      expect(await told(await answer)).toEqual(expected);
      expect(calls.thin).toEqual(calls.bridge);
      expect(calls.thin).toHaveLength(1);
    }),
    { numRuns: 800 },
  );
});

test("both roads give a body that is not one message the same status", async () => {
  const headers = { "content-type": "application/grpc-web+proto" };
  const frame = envelope(0, readMessage("key"));
  for (let how = 0; how < mangledFrameCount; how++) {
    const { thin, bridge, calls } = roads();
    const sent = { method: "Read", headers, body: bytes(mangle(frame, how)) };
    const statusOf = ({ body }: { body: string }) => /grpc-status: (\d+)/.exec(body)?.[1];
    const status = statusOf(await told(await bridge(requestOf(sent))));
    const answer = await told(await thin(requestOf(sent), "/storage.StorageNodeService/Read")!);
    expect([how, statusOf(answer)]).toEqual([how, how === 3 ? "8" : "13"]);
    expect(statusOf(answer)).toBe(status!);
    expect(calls.thin).toEqual(calls.bridge);
  }
});

test("what it does not understand is left to the bridge", () => {
  const { thin } = roads();
  const path = "/storage.StorageNodeService/Read";
  const body = bytes(readMessage("k"));
  const sent = (headers: Record<string, string>) => requestOf({ method: "Read", headers, body });
  const proto = { "content-type": "application/proto" };
  expect(thin(sent(proto), path)).toBeDefined();
  expect(thin(sent(proto), "/storage.StorageNodeService/Scan")).toBeUndefined();
  expect(thin(sent({ "content-type": "application/json" }), path)).toBeUndefined();
  expect(thin(sent({ "content-type": "application/grpc-web+json" }), path)).toBeUndefined();
  expect(thin(sent({ ...proto, "content-encoding": "gzip" }), path)).toBeUndefined();
  expect(thin(sent({ ...proto, "content-encoding": "identity" }), path)).toBeDefined();
  const web = { "content-type": "application/grpc-web+proto", "grpc-encoding": "gzip" };
  expect(thin(sent(web), path)).toBeUndefined();
});

const repair: Sent = {
  method: "Repair",
  headers: { "content-type": "application/proto", "connect-timeout-ms": "50" },
  body: new Uint8Array(0),
};
const repairPath = "/storage.StorageNodeService/Repair";

test("a deadline ends the wait for the node", async () => {
  const { thin, clock, calls, repairBegun } = roads();
  const answer = thin(requestOf(repair), repairPath)!;
  await repairBegun;
  clock.advance(50);
  const { status, body } = await told(await answer);
  expect([status, JSON.parse(body).code]).toEqual([504, "deadline_exceeded"]);
  expect(calls.thin.map(({ status }) => status)).toEqual(["DEADLINE_EXCEEDED"]);
  expect(clock.pendingTimerCount).toBe(0);
});

test("a deadline that has passed already fails on both roads", async () => {
  const { thin, bridge } = roads();
  const headers = { "content-type": "application/proto", "connect-timeout-ms": "0" };
  const sent = { method: "Read", headers, body: bytes(readMessage("k")) };
  const answer = await told(await thin(requestOf(sent), "/storage.StorageNodeService/Read")!);
  expect(answer).toEqual(await told(await bridge(requestOf(sent))));
  expect(answer.status).toBe(504);
});

test("a caller who leaves ends the call", async () => {
  const { thin, calls, repairBegun } = roads();
  const leaving = new AbortController();
  const answer = thin(requestOf(repair, leaving.signal), repairPath)!;
  await repairBegun;
  leaving.abort();
  await answer;
  expect(calls.thin.map(({ status }) => status)).toEqual(["CANCELLED"]);
});

test("a body that does not come is given up: at the deadline, or after the time to read", async () => {
  const never = () => new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) });
  const slow = (headers: Record<string, string>) =>
    new Request(`http://node${repairPath}`, {
      method: "POST",
      headers: { "content-type": "application/proto", "content-length": "5", ...headers },
      body: never(),
    });
  const { thin, clock, calls } = roads();
  const withDeadline = thin(slow({ "connect-timeout-ms": "50" }), repairPath)!;
  const without = thin(slow({}), repairPath)!;
  clock.advance(50);
  expect((await told(await withDeadline)).body).toContain("the operation timed out");
  clock.advance(readTimeoutMs);
  expect((await told(await without)).body).toContain("did not arrive whole within 5000 ms");
  expect(calls.thin.map(({ status }) => status)).toEqual(["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]);
});

test("a closed gate refuses in the caller's protocol", async () => {
  const { thin, thinGate, calls } = roads();
  thinGate.close(new StorageError("UNAVAILABLE", "the node is stopping"));
  const { status, body } = await told(await thin(requestOf(repair), repairPath)!);
  expect([status, JSON.parse(body).message]).toEqual([503, "the node is stopping"]);
  expect(calls.thin).toEqual([]);
});
