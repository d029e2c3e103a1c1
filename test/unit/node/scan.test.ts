import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { ScanRequest } from "../../../src/node/scan.ts";
import type { StorageNode } from "../../../src/node/storage-node.ts";
import { bytesOf, clock, entries, textOf } from "../../support/arbitrary-versions.ts";
import { type ScannedChunk, scanNode } from "../../support/scan-node.ts";
import { testNode } from "../../support/test-node.ts";

const everything: ScanRequest = { tenantId: "t", startKey: "", endKey: "", limit: 0 };

async function chunksOf(node: StorageNode, request: Partial<ScanRequest> = {}): Promise<ScannedChunk[]> {
  return Array.fromAsync(scanNode(node, { ...everything, ...request }));
}

async function keysOf(node: StorageNode, request: Partial<ScanRequest> = {}): Promise<string[]> {
  const chunks = await chunksOf(node, request);
  return chunks.flatMap((chunk) => chunk.records.map((record) => record.key));
}

async function put(node: StorageNode, keys: readonly string[], tenantId = "t"): Promise<void> {
  for (const key of keys) await node.write(tenantId, key, bytesOf(`value of ${key}`), entries({ c: 1 }));
}

function numberedKeys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key-${String(i).padStart(5, "0")}`);
}

describe("what a scan shows", () => {
  test("live records of the tenant in byte order, with value, clock, time and siblings", async () => {
    const { node } = testNode();
    await put(node, ["b", "a", "\u{ffff}", "😀", "é"]);
    await put(node, ["a"], "s");
    await put(node, ["a"], "t2");
    await node.write("t", "b", bytesOf("other"), entries({ d: 9 }));
    const chunks = await chunksOf(node);
    expect(chunks).toHaveLength(1);
    expect(chunks[0]!.resumeKey).toBeUndefined();
    const { records } = chunks[0]!;
    expect(records.map((record) => record.key)).toEqual(["a", "b", "é", "\u{ffff}", "😀"]);
    expect(records.map((record) => textOf(record.value)).slice(0, 2)).toEqual(["value of a", "other"]);
    expect(records[1]).toMatchObject({
      clock: clock({ c: 1, d: 9 }),
      timestampSeconds: 1_700_000_000,
      siblingCount: 2,
    });
  });

  test("no deleted keys, but those that a live sibling keeps", async () => {
    const { node } = testNode();
    await put(node, ["a", "b", "c"]);
    await node.delete("t", "a", entries({ c: 2 }));
    await node.delete("t", "b", entries({ d: 2 }));
    expect(await keysOf(node)).toEqual(["b", "c"]);
  });

  test.each([
    [{ startKey: "b" }, ["b", "ba", "c"]],
    [{ endKey: "b" }, ["a", "ab"]],
    [{ startKey: "ab", endKey: "c" }, ["ab", "b", "ba"]],
    [{ prefix: "b" }, ["b", "ba"]],
    [{ prefix: "b", startKey: "b1" }, ["ba"]],
    [{ startKey: "b", endKey: "b" }, []],
    [{ startKey: "x" }, []],
    [{ tenantId: "nobody" }, []],
  ])("%p gives %p", async (request, expected) => {
    const { node } = testNode();
    await put(node, ["a", "ab", "b", "ba", "c"]);
    expect(await keysOf(node, request)).toEqual(expected);
  });

  test("an empty range still ends with a chunk", async () => {
    const { node } = testNode();
    const end = [{ records: [], resumeKey: undefined }];
    expect(await chunksOf(node)).toEqual(end);
    expect(await chunksOf(node, { startKey: "b", endKey: "b" })).toEqual(end);
  });

  test("nothing that is not durable", async () => {
    const { node, store } = testNode();
    await put(node, ["a"]);
    store.syncsAtOnce = false;
    const write = node.write("t", "b", bytesOf("v"), []);
    expect(await keysOf(node)).toEqual(["a"]);
    store.sync();
    await write;
    expect(await keysOf(node)).toEqual(["a", "b"]);
  });

  test("the moment of its first chunk, whatever is written meanwhile", async () => {
    const { node } = testNode();
    const keys = numberedKeys(1100);
    await put(node, keys);
    const seen: string[] = [];
    for await (const chunk of scanNode(node, everything)) {
      seen.push(...chunk.records.map((record) => record.key));
      await put(node, ["zzz"]);
      await node.delete("t", keys[1099]!, []);
    }
    expect(seen).toEqual(keys);
  });
});

describe("chunks", () => {
  test("hold 1024 records, and name where the next one starts", async () => {
    const { node } = testNode();
    const keys = numberedKeys(2049);
    await put(node, keys);
    const chunks = await chunksOf(node);
    expect(chunks.map((chunk) => chunk.records.length)).toEqual([1024, 1024, 1]);
    expect(chunks.map((chunk) => chunk.resumeKey)).toEqual([keys[1024], keys[2048], undefined]);
    expect(await keysOf(node, { startKey: chunks[0]!.resumeKey! })).toEqual(keys.slice(1024));
  });

  test("hold 128 KiB, or one larger record", async () => {
    const { node } = testNode();
    const sizes = [1_000_000, 50_000, 50_000, 50_000, 1_000_000, 10];
    for (const [i, size] of sizes.entries()) await node.write("t", `k${i}`, new Uint8Array(size), []);
    const chunks = await chunksOf(node);
    expect(chunks.map((chunk) => chunk.records.length)).toEqual([1, 2, 1, 1, 1]);
    expect((await chunksOf(node, { keysOnly: true })).map((chunk) => chunk.records.length)).toEqual([6]);
  });

  test.each([
    [1, ["a"], "b"],
    [2, ["a", "b"], "d"],
    [3, ["a", "b", "d"], undefined],
    [4, ["a", "b", "d"], undefined],
  ])("a limit of %p: %p, then %p", async (limit, expected, resumeKey) => {
    const { node } = testNode();
    await put(node, ["a", "b", "c", "d", "e"]);
    for (const key of ["c", "e"]) await node.delete("t", key, []);
    const chunks = await chunksOf(node, { limit });
    expect(chunks.flatMap((chunk) => chunk.records.map((record) => record.key))).toEqual(expected);
    expect(chunks.at(-1)?.resumeKey).toBe(resumeKey);
  });

  test("a limit reaches over chunks", async () => {
    const { node } = testNode();
    const keys = numberedKeys(1100);
    await put(node, keys);
    const chunks = await chunksOf(node, { limit: 1025 });
    expect(chunks.map((chunk) => chunk.records.length)).toEqual([1024, 1]);
    expect(chunks.at(-1)?.resumeKey).toBe(keys[1025]);
  });
});

describe("the view", () => {
  test("is opened by the first chunk, and closed at the end", async () => {
    const { node, store } = testNode();
    await put(node, numberedKeys(1100));
    const scan = scanNode(node, everything);
    expect(store.openViewCount).toBe(0);
    await scan.next();
    expect(store.openViewCount).toBe(1);
    while (!(await scan.next()).done);
    expect(store.openViewCount).toBe(0);
  });

  test("is closed when its reader leaves", async () => {
    const { node, store } = testNode();
    await put(node, numberedKeys(1100));
    for await (const _ of scanNode(node, everything)) break;
    expect(store.openViewCount).toBe(0);
  });

  test("is closed when the scan is cancelled, which never looks like its end", async () => {
    const { node, store } = testNode();
    await put(node, numberedKeys(1100));
    const cancellation = new AbortController();
    const scan = scanNode(node, everything, cancellation.signal);
    await scan.next();
    cancellation.abort(new StorageError("UNAVAILABLE", "going away"));
    await expect(scan.next()).rejects.toMatchObject({ message: "going away" });
    expect(store.openViewCount).toBe(0);
  });

  test("that ended for its age ends the scan with ABORTED", async () => {
    const { node, store } = testNode();
    await put(node, numberedKeys(1100));
    const scan = scanNode(node, everything);
    await scan.next();
    store.viewError = new StorageError("ABORTED", "the view grew too old");
    await expect(scan.next()).rejects.toMatchObject({ code: "ABORTED" });
    expect(store.openViewCount).toBe(0);
  });

  test("lets other work run while it passes over many deleted keys", async () => {
    const { node } = testNode();
    for (const key of numberedKeys(2100)) await node.delete("t", key, []);
    let hasOtherWorkRun = false;
    setImmediate(() => {
      hasOtherWorkRun = true;
    });
    expect(await keysOf(node)).toEqual([]);
    expect(hasOtherWorkRun).toBe(true);
  });
});

describe("bad requests are refused at once", () => {
  test.each([
    [{ tenantId: "" }, "INVALID_TENANT_ID"],
    [{ startKey: "\0" }, "INVALID_KEY"],
    [{ endKey: "k".repeat(1025) }, "KEY_TOO_LARGE"],
    [{ prefix: "\x1f" }, "INVALID_KEY"],
    [{ limit: -1 }, "INVALID_ARGUMENT"],
    [{ startKey: "b", endKey: "a" }, "INVALID_ARGUMENT"],
    [{ startKey: "\u{ffff}", endKey: "😀" }, undefined],
  ])("%p: %s", (request, code) => {
    const { node } = testNode();
    const scan = () => scanNode(node, { ...everything, ...request });
    if (code === undefined) expect(scan).not.toThrow();
    else expect(scan).toThrow(expect.objectContaining({ code }));
  });
});

test("a record that cannot be decoded ends the scan and says which it is", async () => {
  const { node, store } = testNode();
  await put(node, ["a", "b"]);
  store.entryOf("t:b")!.value[0] = 9;
  await expect(chunksOf(node)).rejects.toMatchObject({
    code: "CORRUPTED_DATA",
    message: expect.stringContaining('key "b" of tenant "t"'),
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(store.openViewCount).toBe(0);
});
