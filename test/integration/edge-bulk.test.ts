/** Batches and scans over every protocol on every port. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { StorageError } from "../../src/base/errors.ts";
import { ErrorCode, ErrorDetailsSchema } from "../../src/gen/storage/storage_node_pb.ts";
import { everyClient, failureOf } from "../support/rpc-clients.ts";
import { testNode } from "../support/test-node.ts";
import { createTestServer, startTestServer } from "../support/test-server.ts";
import { bytes, clockOf } from "../support/wire-values.ts";

const limits = { batchLimits: { maxEntries: 200, maxBytes: 1 << 20 } };
const server = await startTestServer({ node: testNode(limits), settings: { maxResponseBytes: 100_000 } });
const clients = everyClient(server);
afterAll(() => {
  for (const client of clients) client.close();
});

async function refusalOf(call: Promise<unknown>) {
  const error = ConnectError.from(await failureOf(call));
  const [details] = error.findDetails(ErrorDetailsSchema);
  return { code: error.code, message: error.rawMessage, details: details?.details ?? {} };
}

beforeEach(() => {
  server.store.viewError = undefined;
});

describe.each(clients.map(({ name, client }) => [name, client] as const))("%s", (name, client) => {
  const tenantId = name.replaceAll(" ", "-");

  test("a batch is written and read, each result in its place", async () => {
    const written = await client.batchWrite({
      entries: [
        { tenantId, key: "a", value: bytes("one"), vectorClock: clockOf("c", 1n) },
        { tenantId, key: "b", value: bytes("x"), vectorClock: clockOf("c", 1n) },
        { tenantId, key: "b", value: bytes("y"), vectorClock: clockOf("d", 1n) },
        { tenantId, key: "c", isTombstone: true, vectorClock: clockOf("c", 2n) },
        { tenantId, key: "empty", value: new Uint8Array(0) },
      ],
    });
    expect(written.results.map(({ success }) => success)).toEqual(new Array(5).fill(true));
    expect(written.results[2]!.updatedVectorClock!.entries).toHaveLength(2);

    const keys = ["c", "a", "absent", "b", "empty", "a"];
    const { results } = await client.batchRead({ tenantId, keys, includeSiblings: true });
    expect(results.map(({ success }) => success)).toEqual([false, true, false, true, true, true]);
    expect(results.map(({ errorCode }) => errorCode)).toEqual(
      [true, false, true, false, false, false].map((isAbsent) => (isAbsent ? ErrorCode.KEY_NOT_FOUND : 0)),
    );
    expect(results[0]!.vectorClock!.entries[0]!.logicalTimestamp).toBe(2n);
    expect(results[2]!.vectorClock).toBeUndefined();
    expect(new TextDecoder().decode(results[5]!.value)).toBe("one");
    expect(results[3]!.siblings.map(({ value }) => new TextDecoder().decode(value))).toEqual(["y", "x"]);
    for (const [index, key] of keys.entries()) {
      expect(results[index]).toEqual(await client.read({ tenantId, key, includeSiblings: true }));
    }
    const unasked = await client.batchRead({ tenantId, keys: ["b"] });
    expect(unasked.results).toMatchObject([{ siblings: [], siblingCount: 2 }]);
  });

  test("a replicated batch keeps timestamps, and needs a clock for each entry", async () => {
    const entry = { tenantId, key: "r", value: bytes("v"), vectorClock: clockOf("c", 1n), timestamp: 1000n };
    await client.batchWrite({ entries: [entry], replicated: true });
    const [chunk] = await Array.fromAsync(client.scan({ tenantId, prefix: "r" }));
    expect(chunk!.entries).toMatchObject([{ key: "r", timestamp: 1000n }]);
    const refused = client.batchWrite({ entries: [entry, { tenantId, key: "s" }], replicated: true });
    expect(await refusalOf(refused)).toMatchObject({ code: Code.InvalidArgument, details: { index: "1" } });
  });

  test("a bad entry refuses the whole batch, and is named", async () => {
    const entries = [
      { tenantId, key: "none", value: bytes("v") },
      { tenantId, key: "", value: bytes("v") },
    ];
    const refusal = await refusalOf(client.batchWrite({ entries }));
    expect(refusal).toMatchObject({ code: Code.InvalidArgument, details: { index: "1" } });
    expect(refusal.message).toStartWith("entries[1]: ");
    expect((await client.read({ tenantId, key: "none" })).success).toBe(false);
    const badRead = await refusalOf(client.batchRead({ tenantId, keys: ["a", "a", "\0"] }));
    expect(badRead).toMatchObject({ code: Code.InvalidArgument, details: { index: "2" } });
  });

  test("too many entries or bytes are refused, and so is an answer that is too large", async () => {
    const entries = Array.from({ length: 201 }, () => ({ tenantId, key: "n", value: bytes("v") }));
    expect(await refusalOf(client.batchWrite({ entries }))).toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringContaining("limits.max_batch_entries"),
    });
    const large = [{ tenantId, key: "n", value: new Uint8Array(1 << 20) }];
    expect(await refusalOf(client.batchWrite({ entries: large }))).toMatchObject({
      message: expect.stringContaining("limits.max_batch_bytes"),
    });
    const keys = Array.from({ length: 11 }, (_, index) => `big/${index}`);
    await client.batchWrite({ entries: keys.map((key) => ({ tenantId, key, value: new Uint8Array(9900) })) });
    expect((await client.batchRead({ tenantId, keys: keys.slice(1) })).results).toHaveLength(10);
    expect(await refusalOf(client.batchRead({ tenantId, keys }))).toMatchObject({
      code: Code.ResourceExhausted,
      details: { limit: "100000", size: expect.stringMatching(/^109\d{3}$/) },
    });
  });

  test("a scan of keys alone tells sizes, clocks, times and siblings", async () => {
    const entries = [
      { tenantId, key: "k/1", value: new Uint8Array(70_000), vectorClock: clockOf("c", 1n) },
      { tenantId, key: "k/2", value: bytes("x"), vectorClock: clockOf("c", 1n) },
      { tenantId, key: "k/2", value: bytes("yy"), vectorClock: clockOf("d", 2n) },
      { tenantId, key: "k/3", isTombstone: true, vectorClock: clockOf("c", 1n) },
    ];
    await client.batchWrite({ entries });
    const chunks = await Array.fromAsync(client.scan({ tenantId, prefix: "k/", keysOnly: true }));
    const rows = chunks.flatMap((chunk) => chunk.entries);
    expect(rows.map(({ key, valueSize, siblingCount }) => [key, valueSize, siblingCount])).toEqual([
      ["k/1", 70_000, 0],
      ["k/2", 2, 2],
    ]);
    expect(rows.every(({ value, isTombstone }) => value.length === 0 && !isTombstone)).toBe(true);
    expect(rows.map(({ vectorClock }) => vectorClock!.entries.length)).toEqual([1, 2]);
    expect(rows[0]!.timestamp).toBe(1_700_000_000n);
  });

  test("bounds upside down are refused, equal ones are a range without keys", async () => {
    const refused = Array.fromAsync(client.scan({ tenantId, startKey: "b", endKey: "a" }));
    expect((await refusalOf(refused)).code).toBe(Code.InvalidArgument);
    const chunks = await Array.fromAsync(client.scan({ tenantId, startKey: "b", endKey: "b" }));
    expect(chunks).toMatchObject([{ entries: [], resumeToken: new Uint8Array(0) }]);
  });

  test("a scan whose view ends midway says how to go on", async () => {
    const keys = Array.from({ length: 8 }, (_, index) => `v/${index}`);
    for (const key of keys) await client.write({ tenantId, key, value: new Uint8Array(100_000) });
    const seen: string[] = [];
    let lastToken: Uint8Array | undefined;
    const scan = async (resumeToken: Uint8Array) => {
      for await (const chunk of client.scan({ tenantId, prefix: "v/", resumeToken })) {
        seen.push(...chunk.entries.map(({ key }) => key));
        lastToken = chunk.resumeToken;
        if (seen.length === 3) server.store.viewError = new StorageError("ABORTED", "it grew too old");
      }
    };
    const { code, details } = await refusalOf(scan(new Uint8Array(0)));
    expect(code).toBe(Code.Aborted);
    expect(details["resume_token"]).toBe(lastToken!.toBase64());
    server.store.viewError = undefined;
    await scan(lastToken!);
    expect(seen).toEqual(keys);
  });
});

test("values that are read and written count", () => {
  const bytesOf = (method: string) =>
    server.calls.filter((call) => call.method === method).map((call) => call.valueBytes);
  expect(bytesOf("BatchWrite")).toContain(108_900);
  expect(Math.max(...bytesOf("BatchRead"))).toBe(99_000);
  expect(server.store.openViewCount).toBe(0);
});

test("a scan that the stop of the node interrupts ends with UNAVAILABLE and the token of the last message", async () => {
  const stopping = createTestServer({ settings: { shutdownTimeoutMs: 600 } });
  await stopping.server.start();
  const [grpc] = everyClient(stopping);
  const tenantId = "t";
  for (let index = 0; index < 20; index++) {
    await grpc!.client.write({ tenantId, key: `k${index}`, value: new Uint8Array(100_000) });
  }
  const stream = grpc!.client.scan({ tenantId })[Symbol.asyncIterator]();
  let step = await stream.next();
  // The server is ahead by what fits the windows; what comes after that has to be waited for.
  stopping.store.cold = Promise.withResolvers();
  const stopped = stopping.server.shutdown();
  let lastToken: Uint8Array | undefined;
  const readRest = async () => {
    for (; step.done !== true; step = await stream.next()) lastToken = step.value.resumeToken;
  };
  const { code, details } = await refusalOf(readRest());
  expect(code).toBe(Code.Unavailable);
  expect(details["resume_token"]).toBe(lastToken!.toBase64());
  stopping.store.cold.resolve();
  await stopped;
  grpc!.close();
});
