import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import { entryKinds } from "../../../src/engine/internal-key.ts";
import type { ReadResult, StorageNode } from "../../../src/node/storage-node.ts";
import type { ClockEntry } from "../../../src/versions/vector-clock.ts";
import { bytesOf, clock, entries, textOf } from "../../support/arbitrary-versions.ts";
import { gcGraceMs, testNode } from "../../support/test-node.ts";

type Timestamps = Record<string, number | bigint>;

const notFound = { found: false, value: new Uint8Array(0), siblings: [] };

function write(node: StorageNode, value: string, timestamps: Timestamps, key = "k") {
  return node.write("t", key, bytesOf(value), entries(timestamps));
}

/** What a read tells of the versions: ["x{a:1}", "†{b:1}"]. */
async function versionsOf(node: StorageNode, key = "k"): Promise<string[]> {
  const result = await node.read("t", key, true);
  if (result.siblingCount === 0) return [];
  const shortly = (isLive: boolean, value: string, sent: readonly ClockEntry[]) =>
    `${isLive ? value : "†"}{${sent.map((entry) => `${entry.nodeId}:${entry.timestamp}`)}}`;
  if (result.siblingCount === 1) return [shortly(result.found, textOf(result.value), result.clock)];
  return result.siblings.map((sibling) =>
    shortly(!sibling.isTombstone, textOf(sibling.value), sibling.clock),
  );
}

/** Whether a promise has settled once all that can run has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  const turn = new Promise((resolve) => setImmediate(resolve, pending));
  return (await Promise.race([promise.catch(() => undefined), turn])) !== pending;
}

describe("the deletion of a tenant", () => {
  test("takes its records alone, and leaves no clock to write against", async () => {
    const { node } = testNode();
    for (const tenant of ["s", "t", "t-1"]) await node.write(tenant, "k", bytesOf("one"), entries({ a: 7 }));
    await node.deleteTenant("t");
    expect(await node.read("t", "k")).toMatchObject({ ...notFound, clock: clock({}) });
    for (const tenant of ["s", "t-1"]) expect(await node.read(tenant, "k")).toMatchObject({ found: true });
    expect(await write(node, "two", { a: 1 })).toMatchObject({ outcome: "stored", siblingCount: 1 });
    expect(await versionsOf(node)).toEqual(["two{a:1}"]);
  });

  test("is refused for what is no tenant, and by a store that refuses it", async () => {
    const { node, store } = testNode();
    await expect(node.deleteTenant("")).rejects.toMatchObject({ code: "INVALID_TENANT_ID" });
    store.putError = new StorageError("RESOURCE_EXHAUSTED", "too many");
    await expect(node.deleteTenant("t")).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  });

  test("waits for room", async () => {
    const { node, store } = testNode();
    await write(node, "x", { a: 1 });
    store.closeRoom();
    const deleted = node.deleteTenant("t");
    expect(await isSettled(deleted)).toBe(false);
    store.openRoom();
    await deleted;
    expect(await node.read("t", "k")).toMatchObject(notFound);
  });
});

describe("a key's life", () => {
  test("absent, written, read, overwritten, deleted, written again", async () => {
    const { node } = testNode();
    expect(await node.read("t", "k")).toEqual({
      ...notFound,
      clock: clock({}),
      timestampSeconds: 0,
      siblingCount: 0,
    });

    expect(await write(node, "one", { c: 1 })).toEqual({
      outcome: "stored",
      clock: clock({ c: 1 }),
      siblingCount: 1,
      staleMessage: undefined,
    });
    expect(await node.read("t", "k")).toEqual({
      found: true,
      value: bytesOf("one"),
      clock: clock({ c: 1 }),
      timestampSeconds: 1_700_000_000,
      siblingCount: 1,
      siblings: [],
    });

    await write(node, "two", { c: 2 });
    expect((await node.read("t", "k")).value).toEqual(bytesOf("two"));

    const deleted = await node.delete("t", "k", entries({ c: 3 }));
    expect(deleted).toMatchObject({ outcome: "stored", clock: clock({ c: 3 }) });
    // A deleted key carries its clock, so that a client can write after the deletion.
    expect(await node.read("t", "k")).toMatchObject({ ...notFound, clock: clock({ c: 3 }), siblingCount: 1 });

    await write(node, "three", { c: 4 });
    expect((await node.read("t", "k")).value).toEqual(bytesOf("three"));
  });

  test("an empty value is a value", async () => {
    const { node } = testNode();
    await write(node, "", { c: 1 });
    expect(await node.read("t", "k")).toMatchObject({ found: true, value: new Uint8Array(0) });
  });

  test("tenants and keys stay apart", async () => {
    const { node } = testNode();
    await node.write("t", "u:k", bytesOf("1"), []);
    await node.write("t2", "k", bytesOf("2"), []);
    expect(await node.read("t", "k")).toMatchObject({ found: false });
    expect(await node.read("t2", "u:k")).toMatchObject({ found: false });
    expect((await node.read("t", "u:k")).value).toEqual(bytesOf("1"));
  });

  test("who may borrow gets the store's own bytes, everybody else a copy, as after a wait", async () => {
    const { node, store } = testNode();
    await node.write("t", "k", bytesOf("value"), []);
    const borrowed = node.read("t", "k", false, true) as ReadResult;
    expect(borrowed.value).toEqual(bytesOf("value"));
    const own = node.read("t", "k") as ReadResult;
    expect(borrowed.value).not.toEqual(bytesOf("value"));
    store.cold = Promise.withResolvers();
    const late = node.read("t", "k", false, true);
    store.cold.resolve();
    store.cold = undefined;
    expect((await late).value).toEqual(bytesOf("value"));
    expect(own.value).toEqual(bytesOf("value"));
  });

  test("a large record comes back whole", async () => {
    const { node } = testNode();
    const value = new Uint8Array(10_485_760).fill(7);
    await node.write("t", "k", value, entries({ c: 1 }));
    const result = await node.read("t", "k");
    expect(Buffer.compare(result.value, value)).toBe(0);
  });

  test("a record is a tombstone to the store only when all of its versions are", async () => {
    const { node, store } = testNode();
    await node.delete("t", "k", entries({ a: 1 }));
    expect(store.entryOf("t:k")?.kind).toBe(entryKinds.tombstone);
    await write(node, "v", { b: 1 });
    expect(store.entryOf("t:k")?.kind).toBe(entryKinds.value);
    await node.delete("t", "k", entries({ b: 2 }));
    expect(store.entryOf("t:k")?.kind).toBe(entryKinds.tombstone);
  });
});

describe("the conflict rule, end to end", () => {
  const event = (name: string, ...details: unknown[]) => [name, "t", "k", ...details];
  const siblings: [string, Timestamps][] = [
    ["x", { a: 2 }],
    ["y", { b: 2 }],
  ];
  const rows: [string, [string, Timestamps][], [string, Timestamps], string, string[], unknown[][]][] = [
    ["dominates all", siblings, ["n", { a: 3, b: 3 }], "stored", ["n{a:3,b:3}"], []],
    [
      "dominates some",
      siblings,
      ["n", { a: 3 }],
      "sibling",
      ["n{a:3}", "y{b:2}"],
      [event("siblingStored", 2)],
    ],
    ["equals, same content", siblings, ["x", { a: 2 }], "duplicate", ["y{b:2}", "x{a:2}"], []],
    [
      "equals, larger content",
      siblings,
      ["z", { a: 2 }],
      "replaced",
      ["z{a:2}", "y{b:2}"],
      [event("equalClockConflict", "incoming")],
    ],
    [
      "equals, smaller content",
      siblings,
      ["a", { a: 2 }],
      "outranked",
      ["y{b:2}", "x{a:2}"],
      [event("equalClockConflict", "held")],
    ],
    ["dominated", siblings, ["n", { b: 1 }], "stale", ["y{b:2}", "x{a:2}"], [event("staleWrite")]],
    [
      "concurrent",
      siblings,
      ["n", { c: 9 }],
      "sibling",
      ["n{c:9}", "y{b:2}", "x{a:2}"],
      [event("siblingStored", 3)],
    ],
    ["empty", siblings, ["n", {}], "stored", ["n{a:2,b:2,self:1700000000000000}"], []],
  ];

  test.each(rows)("%s", async (_, before, [value, timestamps], outcome, after, expectedEvents) => {
    const { node, store, events } = testNode();
    for (const [heldValue, heldClock] of before) await write(node, heldValue, heldClock);
    events.length = 0;
    const putsBefore = store.putCount;
    const result = await write(node, value, timestamps);
    expect(result).toMatchObject({ outcome, siblingCount: after.length, staleMessage: undefined });
    expect(result.clock).toEqual((await node.read("t", "k")).clock);
    expect(await versionsOf(node)).toEqual(after);
    expect(events).toEqual(expectedEvents);
    expect(store.putCount > putsBefore).toBe(["stored", "sibling", "replaced"].includes(outcome));
  });

  test("a client that writes back the clock it read, incremented, resolves the siblings", async () => {
    const { node } = testNode();
    for (const [value, timestamps] of siblings) await write(node, value, timestamps);
    const { clock: read } = await node.read("t", "k");
    const incremented = read.map((entry) =>
      entry.nodeId === "a" ? { ...entry, timestamp: entry.timestamp + 1n } : entry,
    );
    expect(await node.write("t", "k", bytesOf("one"), incremented)).toMatchObject({ siblingCount: 1 });
    expect(await versionsOf(node)).toEqual(["one{a:3,b:2}"]);
  });

  test("siblings are handed out only when asked for", async () => {
    const { node } = testNode();
    for (const [value, timestamps] of siblings) await write(node, value, timestamps);
    await node.delete("t", "k", entries({ c: 1 }));
    expect(await node.read("t", "k")).toMatchObject({ value: bytesOf("y"), siblingCount: 3, siblings: [] });
    expect(await versionsOf(node)).toEqual(["y{b:2}", "x{a:2}", "†{c:1}"]);
  });

  test("versions that leave for the limit are counted", async () => {
    const { node, events } = testNode({ limits: { maxSiblings: 2, maxRecordBytes: 1 << 20 } });
    for (const id of ["a", "b", "c"]) await write(node, "v", { [id]: 1 });
    expect(events).toContainEqual(["siblingsDropped", "t", "k", 1]);
    expect((await node.read("t", "k")).clock).toEqual(clock({ a: 1, b: 1, c: 1 }));
  });

  test("deletes follow the same rule", async () => {
    const { node } = testNode();
    await write(node, "x", { a: 2 });
    expect(await node.delete("t", "k", entries({ a: 1 }))).toMatchObject({
      outcome: "stale",
      clock: clock({ a: 2 }),
    });
    expect(await node.delete("t", "k", entries({ a: 2 }))).toMatchObject({ outcome: "outranked" });
    expect(await node.delete("t", "k", entries({ b: 1 }))).toMatchObject({ outcome: "sibling" });
    expect(await node.delete("t", "k", [])).toMatchObject({ outcome: "stored", siblingCount: 1 });
    expect(await node.read("t", "k")).toMatchObject({ found: false });
  });
});

describe("stale writes", () => {
  test.each(["accept", "report"] as const)("with %s", async (staleWrite) => {
    const { node } = testNode({ staleWrite });
    await write(node, "x", { a: 2 });
    const reported = staleWrite === "report" ? expect.stringMatching(/^stale write/) : undefined;
    const held = { outcome: "stale", clock: clock({ a: 2 }) };
    expect(await write(node, "old", { a: 1 })).toMatchObject({ ...held, staleMessage: reported });
    expect(await node.delete("t", "k", entries({ a: 1 }))).toMatchObject({ ...held, staleMessage: reported });
    const repaired = await node.repair("t", "k", bytesOf("old"), entries({ a: 1 }));
    expect(repaired).toMatchObject({ ...held, staleMessage: undefined });
  });
});

describe("repair", () => {
  test("stores as a write does", async () => {
    const { node } = testNode();
    await node.repair("t", "k", bytesOf("v"), entries({ a: 1 }));
    expect(await versionsOf(node)).toEqual(["v{a:1}"]);
  });

  test.each([[{}], [{ a: 0 }]])("with the clock %p is refused", async (timestamps) => {
    const { node, store } = testNode();
    const repair = node.repair("t", "k", bytesOf("v"), entries(timestamps));
    await expect(repair).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(store.putCount).toBe(0);
  });
});

describe("bad requests", () => {
  const bad: [string, string, string, Uint8Array, ClockEntry[], string][] = [
    ["tenant", "a:b", "k", bytesOf("v"), [], "INVALID_TENANT_ID"],
    ["empty key", "t", "", bytesOf("v"), [], "INVALID_KEY"],
    ["long key", "t", "k".repeat(1025), bytesOf("v"), [], "KEY_TOO_LARGE"],
    ["large value", "t", "k", new Uint8Array(10_485_761), [], "VALUE_TOO_LARGE"],
    ["negative timestamp", "t", "k", bytesOf("v"), entries({ a: -1 }), "INVALID_ARGUMENT"],
    [
      "long clock",
      "t",
      "k",
      bytesOf("v"),
      Array.from({ length: 1001 }, (_, i) => ({ nodeId: `${i}`, timestamp: 1n })),
      "INVALID_ARGUMENT",
    ],
  ];

  test.each(bad)("%s: refused, nothing stored", async (name, tenantId, key, value, sent, code) => {
    const { node, store } = testNode();
    await expect(node.write(tenantId, key, value, sent)).rejects.toMatchObject({ code });
    await expect(node.repair(tenantId, key, value, [...sent, ...entries({ x: 1 })])).rejects.toMatchObject({
      code,
    });
    if (name !== "large value")
      await expect(node.delete(tenantId, key, sent)).rejects.toMatchObject({ code });
    if (sent.length === 0 && name !== "large value") {
      expect(() => node.read(tenantId, key)).toThrow(expect.objectContaining({ code }));
    }
    await isSettled(Promise.resolve());
    expect(store.putCount).toBe(0);
  });

  test("a clock of 1,000 entries is stored, and goes on from there", async () => {
    const { node } = testNode();
    const numbered = (from: number, to: number, timestamp: bigint) =>
      Array.from({ length: to - from }, (_, i) => ({ nodeId: `node-${from + i}`, timestamp }));
    await node.write("t", "k", bytesOf("v"), numbered(0, 1000, 1n));
    // Known ids are free: 1,000 of them and 1,000 new ones.
    await node.write("t", "k", bytesOf("w"), numbered(0, 2000, 2n));
    const result = await node.read("t", "k");
    expect([result.clock.length, textOf(result.value)]).toEqual([2000, "w"]);
    const tooMany = node.write("t", "k", bytesOf("x"), numbered(0, 3001, 3n));
    await expect(tooMany).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("a record that passes the size limit alone is refused", async () => {
    const { node, store } = testNode({ limits: { maxSiblings: 10, maxRecordBytes: 100 } });
    const write = node.write("t", "k", new Uint8Array(101), entries({ a: 1 }));
    await expect(write).rejects.toMatchObject({ code: "VALUE_TOO_LARGE" });
    expect(store.putCount).toBe(0);
  });

  test("the node's own id has to be one", () => {
    expect(() => testNode({ nodeId: "" })).toThrow(StorageError);
  });
});

describe("durability", () => {
  test("a write is answered after its sync", async () => {
    const { node, store } = testNode();
    store.syncsAtOnce = false;
    const answer = write(node, "v", { a: 1 });
    expect(await isSettled(answer)).toBe(false);
    store.sync();
    expect(await answer).toMatchObject({ outcome: "stored" });
  });

  test("a read of an unsynced value waits, and answers what it found", async () => {
    const { node, store } = testNode();
    store.syncsAtOnce = false;
    const writes = [write(node, "one", { a: 1 })];
    await isSettled(writes[0]!);
    const read = Promise.resolve(node.read("t", "k"));
    expect(await isSettled(read)).toBe(false);
    writes.push(write(node, "two", { a: 2 }));
    await isSettled(writes[1]!);
    store.sync();
    expect((await read).value).toEqual(bytesOf("one"));
    await Promise.all(writes);
  });

  test("a read of a durable value answers at once", async () => {
    const { node } = testNode();
    await write(node, "v", { a: 1 });
    expect(node.read("t", "k")).toMatchObject({ found: true });
  });

  test("so does the deletion of its tenant that makes a key absent", async () => {
    const { node, store } = testNode();
    await write(node, "x", { a: 1 });
    store.syncsAtOnce = false;
    const deleted = node.deleteTenant("t");
    const read = Promise.resolve(node.read("t", "k"));
    expect([await isSettled(deleted), await isSettled(read)]).toEqual([false, false]);
    expect(node.read("t", "never written")).not.toBeInstanceOf(Promise);
    store.sync();
    expect(await read).toMatchObject(notFound);
    await deleted;
  });

  test("so does the tombstone that makes a key absent wait", async () => {
    const { node, store } = testNode();
    store.syncsAtOnce = false;
    const deletion = node.delete("t", "k", entries({ a: 1 }));
    await isSettled(deletion);
    const read = Promise.resolve(node.read("t", "k"));
    expect(await isSettled(read)).toBe(false);
    store.sync();
    expect(await read).toMatchObject({ found: false, clock: clock({ a: 1 }) });
    await deletion;
  });

  test.each([
    ["a retry", { a: 2 }, "v", "duplicate"],
    ["a stale write", { a: 1 }, "w", "stale"],
    ["a smaller content", { a: 2 }, "a", "outranked"],
  ])("%s waits for the held version", async (_, timestamps, value, outcome) => {
    const { node, store } = testNode();
    store.syncsAtOnce = false;
    const first = write(node, "v", { a: 2 });
    await isSettled(first);
    const second = write(node, value, timestamps);
    expect(await isSettled(second)).toBe(false);
    store.sync();
    expect(await second).toMatchObject({ outcome });
    await first;
    expect(store.putCount).toBe(1);
  });

  test("a failed sync fails everyone who waits", async () => {
    const { node, store } = testNode();
    store.syncsAtOnce = false;
    const first = write(node, "v", { a: 1 });
    await isSettled(first);
    const waiting: Promise<unknown>[] = [
      first,
      write(node, "v", { a: 1 }),
      Promise.resolve(node.read("t", "k")),
    ];
    const outcomes = Promise.allSettled(waiting);
    await isSettled(outcomes);
    store.failSync(new StorageError("COMMIT_LOG_FAILED", "sync failed"));
    const codes = (await outcomes).map((outcome) => outcome.status === "rejected" && outcome.reason.code);
    expect(codes).toEqual(["COMMIT_LOG_FAILED", "COMMIT_LOG_FAILED", "COMMIT_LOG_FAILED"]);
  });

  test("a store that refuses the put refuses the write", async () => {
    const { node, store } = testNode();
    store.putError = new StorageError("DISK_FULL", "no space");
    await expect(write(node, "v", { a: 1 })).rejects.toMatchObject({ code: "DISK_FULL" });
  });
});

describe("writers side by side", () => {
  test("none of many concurrent clockless writes and deletes is overlooked", async () => {
    const { node, store } = testNode();
    store.syncsAtOnce = false;
    store.closeRoom();
    const calls = Array.from({ length: 100 }, (_, i) =>
      i % 5 === 4 ? node.delete("t", "k", []) : write(node, `v${i}`, {}),
    );
    expect(await isSettled(Promise.race(calls))).toBe(false);
    expect(store.putCount).toBe(0);
    store.openRoom();
    await isSettled(Promise.race(calls));
    store.sync();
    const results = await Promise.all(calls);
    // Each saw the one before: a number of its own, and no siblings.
    const numbers = results.map((result) => result.clock[0]!.timestamp);
    expect(new Set(numbers).size).toBe(100);
    expect(results.every((result) => result.siblingCount === 1 && result.clock.length === 1)).toBe(true);
    expect(store.putCount).toBe(100);
  });

  test("concurrent clocks all stay as siblings", async () => {
    const { node } = testNode();
    await Promise.all(["a", "b", "c", "d"].map((id) => write(node, id, { [id]: 1 })));
    expect((await node.read("t", "k")).clock).toEqual(clock({ a: 1, b: 1, c: 1, d: 1 }));
    expect(await versionsOf(node)).toHaveLength(4);
  });

  test("a write whose record outgrows the room looks at the key anew after the wait", async () => {
    const { node, store } = testNode();
    await write(node, "x".repeat(1000), { a: 1 });
    store.closeRoom(500);
    const second = write(node, "y", { b: 1 });
    expect(await isSettled(second)).toBe(false);
    // Small enough, since it replaces what makes the record large.
    await write(node, "z", { a: 2 });
    store.openRoom();
    expect(await second).toMatchObject({ outcome: "sibling", clock: clock({ a: 2, b: 1 }) });
    expect(await versionsOf(node)).toEqual(["z{a:2}", "y{b:1}"]);
  });

  test("a write that waited for room asks for it again", async () => {
    const { node, store } = testNode();
    store.closeRoom();
    const answer = write(node, "v", { a: 1 });
    store.openRoom();
    store.closeRoom();
    expect(await isSettled(answer)).toBe(false);
    expect(store.putCount).toBe(0);
    store.openRoom();
    expect(await answer).toMatchObject({ outcome: "stored" });
  });
});

describe("a filling disk", () => {
  test("refuses large writes, then all; reads and deletes go on", async () => {
    const { node, store, clock: time, fillDisk, events } = testNode();
    await write(node, "v", { a: 1 });
    const large = new Uint8Array(64 * 1024 + 1);
    const fill = (thousandths: number) => {
      fillDisk(thousandths);
      time.advance(1000);
    };

    fill(900);
    await expect(node.write("t", "large", large, [])).rejects.toMatchObject({ code: "DISK_THROTTLED" });
    await write(node, "w", { a: 2 });

    fill(950);
    const puts = store.putCount;
    await expect(write(node, "x", { a: 3 })).rejects.toMatchObject({
      code: "DISK_FULL",
      details: { reason: "DISK_FULL" },
    });
    await expect(node.repair("t", "k", bytesOf("x"), entries({ a: 3 }))).rejects.toMatchObject({
      code: "DISK_FULL",
    });
    await isSettled(Promise.resolve());
    expect(store.putCount).toBe(puts);
    expect((await node.read("t", "k")).value).toEqual(bytesOf("w"));
    expect(await node.delete("t", "k", entries({ a: 4 }))).toMatchObject({ outcome: "stored" });

    fill(500);
    await node.write("t", "large", large, []);
    expect(events.map(([name, state]) => [name, state])).toEqual(
      ["throttled", "full", "ok"].map((state) => ["diskStateChanged", state]),
    );
  });

  test("a write does not wait for room on a full disk", async () => {
    const { node, store, fillDisk } = testNode();
    store.closeRoom();
    fillDisk(1000);
    await expect(write(node, "v", {})).rejects.toMatchObject({ code: "DISK_FULL" });
  });
});

describe("expired records", () => {
  test("count as absent in reads and in the conflict rule", async () => {
    const { node, clock: time } = testNode();
    await node.delete("t", "k", entries({ a: 5 }));
    time.advance(gcGraceMs);
    expect(await node.read("t", "k")).toMatchObject({ found: false, clock: clock({ a: 5 }) });
    expect(await write(node, "old", { a: 1 })).toMatchObject({ outcome: "stale" });
    time.advance(1);
    expect(await node.read("t", "k")).toMatchObject({ found: false, clock: clock({}), siblingCount: 0 });
    expect(await write(node, "old", { a: 1 })).toMatchObject({ outcome: "stored", clock: clock({ a: 1 }) });
  });
});

describe("a record that cannot be decoded", () => {
  test("fails its key alone, and says which it is", async () => {
    const { node, store } = testNode();
    await write(node, "v", { a: 1 });
    await write(node, "v", { a: 1 }, "other");
    store.entryOf("t:k")!.value[0] = 9;
    const damage = expect.objectContaining({
      code: "CORRUPTED_DATA",
      message: expect.stringContaining('key "k" of tenant "t"'),
    });
    expect(() => node.read("t", "k")).toThrow(damage);
    await expect(write(node, "w", { a: 2 })).rejects.toEqual(damage);
    expect(await node.read("t", "other")).toMatchObject({ found: true });
  });
});
