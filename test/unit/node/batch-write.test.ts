/** Batches are held against the same writes, one after the other. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Slice } from "../../../src/base/bytes.ts";
import { StorageError } from "../../../src/base/errors.ts";
import type { BatchItem } from "../../../src/node/batch-write.ts";
import type { StorageNode } from "../../../src/node/storage-node.ts";
import { bytesOf, clock, entries, smallClock, textOf } from "../../support/arbitrary-versions.ts";
import { gcGraceMs, testNode } from "../../support/test-node.ts";

function item(key: string, value: string | undefined, changes: Partial<BatchItem> = {}): BatchItem {
  const isTombstone = value === undefined;
  return {
    tenantId: "t",
    key,
    value: new Slice(bytesOf(value ?? "")),
    clock: [],
    isTombstone,
    timestampSeconds: 0,
    ...changes,
  };
}

async function writeEach(node: StorageNode, items: readonly BatchItem[]) {
  const results = [];
  for (const { tenantId, key, value, clock, isTombstone } of items) {
    const change = isTombstone
      ? node.delete(tenantId, key, clock)
      : node.write(tenantId, key, value.copy(), clock);
    results.push(await change);
  }
  return results;
}

const tenants = ["t", "u"];
const keys = ["k1", "k2", "k3"];

async function contents(node: StorageNode) {
  const held: unknown[] = [];
  for (const tenant of tenants) for (const key of keys) held.push(await node.read(tenant, key, true));
  return JSON.stringify(held, (_, value) => (typeof value === "bigint" ? String(value) : value));
}

const someItem = fc.record({
  tenantId: fc.constantFrom("t", "t", "t", "u"),
  key: fc.constantFrom(...keys),
  text: fc.constantFrom("", "x", "y", "yx"),
  clock: smallClock(["a", "b", "c"], 2),
  isTombstone: fc.boolean(),
  timestampSeconds: fc.nat(),
});
const someBatch = fc
  .array(someItem, { maxLength: 12 })
  .map((items) =>
    items.map(({ text, ...each }) => ({ ...each, value: new Slice(bytesOf(each.isTombstone ? "" : text)) })),
  );

describe("a batch is what its writes are, one after the other", () => {
  test.each(["accept", "report"] as const)("where a stale write is there to %s", async (staleWrite) => {
    await fc.assert(
      fc.asyncProperty(fc.array(someBatch, { maxLength: 4 }), async (batches) => {
        const limits = { maxSiblings: 2, maxRecordBytes: 100_000 };
        const [batched, single] = [testNode({ staleWrite, limits }), testNode({ staleWrite, limits })];
        for (const batch of batches) {
          for (const { clock } of [batched, single]) clock.advance(86_400_000 * 6);
          const results = await batched.node.writeBatch(batch);
          expect(results).toEqual(await writeEach(single.node, batch));
        }
        expect(await contents(batched.node)).toBe(await contents(single.node));
        expect(batched.events).toEqual(single.events);
      }),
    );
  });

  test("and is one write of the store, with one record for each key", async () => {
    const { node, store } = testNode();
    await node.writeBatch([item("a", "1"), item("b", "2"), item("a", "3"), item("c", undefined)]);
    expect([store.writeCount, store.putCount]).toEqual([1, 3]);
    expect(textOf((await node.read("t", "a")).value)).toBe("3");
  });

  test("siblings of one key are entries of it", async () => {
    const { node } = testNode();
    const results = await node.writeBatch([
      item("k", "x", { clock: entries({ a: 1 }) }),
      item("k", "y", { clock: entries({ b: 1 }) }),
    ]);
    expect(results.map(({ siblingCount }) => siblingCount)).toEqual([1, 2]);
    expect((await node.read("t", "k", true)).siblings).toHaveLength(2);
  });

  test("no entries are no work", async () => {
    const { node, store } = testNode();
    expect(await node.writeBatch([])).toEqual([]);
    expect(store.writeCount).toBe(0);
  });

  test("a batch that changes nothing writes nothing, and rests on what is held", async () => {
    const { node, store } = testNode();
    store.syncsAtOnce = false;
    const first = node.writeBatch([item("k", "v", { clock: entries({ a: 1 }) })]);
    let isAnswered = false;
    const second = node.writeBatch([item("k", "v", { clock: entries({ a: 1 }) })]).then((results) => {
      isAnswered = true;
      return results;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect([isAnswered, store.putCount]).toEqual([false, 1]);
    store.sync();
    await first;
    expect(await second).toMatchObject([{ outcome: "duplicate" }]);
  });
});

describe("a replicated batch", () => {
  const replicated = { clock: entries({ a: 1 }), timestampSeconds: 1_600_000_000 };

  test("keeps timestamps, and times of deletion", async () => {
    const { node, clock } = testNode();
    await node.writeBatch([item("a", "v", replicated)], true);
    expect((await node.read("t", "a")).timestampSeconds).toBe(1_600_000_000);
    const deletedAt = Math.floor(clock.nowMs() / 1000) - gcGraceMs / 1000;
    await node.writeBatch([item("b", undefined, { ...replicated, timestampSeconds: deletedAt })], true);
    expect((await node.read("t", "b")).siblingCount).toBe(1);
    clock.advance(1001);
    expect((await node.read("t", "b")).siblingCount).toBe(0);
  });

  test("applies the conflict rule, and a stale entry succeeds", async () => {
    const { node } = testNode({ staleWrite: "report" });
    await node.write("t", "k", bytesOf("new"), entries({ a: 2 }));
    const results = await node.writeBatch([item("k", "old", replicated)], true);
    expect(results).toMatchObject([{ outcome: "stale", staleMessage: undefined, clock: clock({ a: 2 }) }]);
    expect(await node.writeBatch([item("k", "old", { clock: replicated.clock })])).toMatchObject([
      { staleMessage: expect.stringContaining("stale write") },
    ]);
  });

  test.each([
    [item("k", "v"), "needs the vector clock"],
    [item("k", "v", { ...replicated, timestampSeconds: -1 }), "timestamp is -1"],
    [item("k", "v", { ...replicated, timestampSeconds: 2 ** 60 }), "timestamp is"],
    [item("k", undefined, { ...replicated, timestampSeconds: 0 }), "for a replicated tombstone"],
  ])("refuses %#", async (bad, message) => {
    const { node } = testNode();
    await expect(node.writeBatch([item("a", "v", replicated), bad], true)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(`entries[1]: `),
      details: { index: "1" },
    });
    await expect(node.writeBatch([bad], true)).rejects.toThrow(message);
  });
});

describe("a refused batch has stored nothing, and says which entry is to blame", () => {
  test.each([
    [{ tenantId: "" }, "INVALID_TENANT_ID"],
    [{ key: "" }, "INVALID_KEY"],
    [{ key: "k".repeat(1025) }, "KEY_TOO_LARGE"],
    [{ value: new Slice(new Uint8Array(10_485_761)) }, "VALUE_TOO_LARGE"],
    [{ clock: entries({ "": 1 }) }, "INVALID_ARGUMENT"],
    [{ isTombstone: true, value: new Slice(bytesOf("v")) }, "INVALID_ARGUMENT"],
  ])("%#: %p", async (changes, code) => {
    const { node, store } = testNode();
    const batch = [item("a", "v"), item("b", "v"), item("k", "v", changes as Partial<BatchItem>)];
    await expect(node.writeBatch(batch)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^entries\[2\]: /),
      details: { index: "2" },
    });
    expect(store.putCount).toBe(0);
  });

  test("where a record gets too large, or holds no record", async () => {
    const { node, store } = testNode({ limits: { maxSiblings: 10, maxRecordBytes: 1000 } });
    const batch = [item("a", "v"), item("b", "v".repeat(1001))];
    await expect(node.writeBatch(batch)).rejects.toMatchObject({
      code: "VALUE_TOO_LARGE",
      details: { index: "1" },
    });
    expect(store.putCount).toBe(0);
    await node.write("t", "b", bytesOf("v"), []);
    store.entryOf("t:b")!.value[0] = 9;
    await expect(node.writeBatch([item("a", "v"), item("b", "v")])).rejects.toMatchObject({
      code: "CORRUPTED_DATA",
      details: { index: "1" },
    });
    expect(store.putCount).toBe(1);
  });

  test("past the limits of batches", async () => {
    const { node, store } = testNode({ batchLimits: { maxEntries: 2, maxBytes: 30 } });
    const refusal = (size: number, limit: number) => ({
      code: "INVALID_ARGUMENT",
      details: { size: String(size), limit: String(limit) },
    });
    const three = [item("a", ""), item("b", ""), item("c", "")];
    await expect(node.writeBatch(three)).rejects.toMatchObject(refusal(3, 2));
    await expect(node.writeBatch([item("ä", "v".repeat(28))])).rejects.toMatchObject(refusal(31, 30));
    expect(store.putCount).toBe(0);
    await node.writeBatch([item("ä", "v".repeat(27))]);
    expect(() => node.readBatch("t", ["a", "b", "c"], () => {})).toThrow(
      expect.objectContaining(refusal(3, 2)),
    );
  });

  test("on a full disk; deletions go on", async () => {
    const large = [item("a", "v".repeat(40_000)), item("b", "v".repeat(40_000))];
    await testNodeAt(0).writeBatch(large);
    await expect(testNodeAt(920).writeBatch(large)).rejects.toMatchObject({ code: "DISK_THROTTLED" });
    await expect(testNodeAt(990).writeBatch([item("a", "")])).rejects.toMatchObject({ code: "DISK_FULL" });
    await testNodeAt(990).writeBatch([item("a", undefined)]);
  });

  test("where the store fails", async () => {
    const { node, store } = testNode();
    store.putError = new StorageError("COMMIT_LOG_FAILED", "the log failed");
    await expect(node.writeBatch([item("a", "v")])).rejects.toMatchObject({ code: "COMMIT_LOG_FAILED" });
  });
});

function testNodeAt(usedThousandths: number): StorageNode {
  const { node, fillDisk } = testNode();
  fillDisk(usedThousandths);
  return node;
}

describe("what may come between", () => {
  test("nothing, once the first record was looked up: writes that waited with it are one after the other", async () => {
    const { node, store } = testNode();
    store.closeRoom();
    const write = (text: string) => node.write("t", "k", bytesOf(text), []);
    const all = [write("1"), node.writeBatch([item("k", "2"), item("k", "3")]), write("4")];
    store.openRoom();
    await Promise.all(all);
    const { clock: merged, siblingCount } = await node.read("t", "k");
    expect(siblingCount).toBe(1);
    // Each of the four raised the node's entry.
    const start = BigInt(1_700_000_000_000_000);
    expect(merged).toEqual(clock({ self: start + 3n }));
  });

  test("a write, while the batch waits for room for its records: it is met", async () => {
    const { node, store } = testNode();
    await node.write("t", "k", new Uint8Array(500), entries({ a: 1 }));
    store.closeRoom(300);
    // The sibling that is held makes the record larger than the entry.
    const batch = node.writeBatch([item("k", "v", { clock: entries({ b: 1 }) })]);
    await new Promise((resolve) => setImmediate(resolve));
    await node.delete("t", "k", entries({ a: 2, b: 1 }));
    store.openRoom();
    expect(await batch).toMatchObject([{ outcome: "stale" }]);
  });

  test("reads from the disk are waited for together", async () => {
    const { node, store } = testNode();
    store.cold = Promise.withResolvers();
    const batch = node.writeBatch([item("a", "1"), item("b", "2")]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.putCount).toBe(0);
    store.cold.resolve();
    await batch;
    expect(store.putCount).toBe(2);
  });
});
