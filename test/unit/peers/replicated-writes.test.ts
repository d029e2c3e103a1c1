import { describe, expect, test } from "bun:test";
import { Slice } from "../../../src/base/bytes.ts";
import { StorageError } from "../../../src/base/errors.ts";
import type { KeyValueEntry } from "../../../src/gen/storage/storage_node_pb.ts";
import { type ReplicatedRecord, unimplementedBy } from "../../../src/migration/peer.ts";
import { type WriteCalls, writeRecords } from "../../../src/peers/replicated-writes.ts";
import { clockFrom } from "../../../src/versions/vector-clock.ts";

function record(key: string, valueBytes = 1, versionCount = 1): ReplicatedRecord {
  const versions = Array.from({ length: versionCount }, (_, i) => ({
    clock: clockFrom([{ nodeId: `node-${i}`, timestamp: 1n }]),
    timestampSeconds: 7,
    isTombstone: false,
    value: new Slice(new Uint8Array(valueBytes + 2), 1, valueBytes),
  }));
  return { tenantId: "t", key, versions };
}

const records = (count: number, valueBytes = 1) =>
  Array.from({ length: count }, (_, i) => record(`k${i}`, valueBytes));

/** Takes batches up to a number of entries, refusing others as a node does. */
function calls(maxEntries: number, refuse = tooManyEntries) {
  const batches: KeyValueEntry[][] = [];
  const repairs: string[] = [];
  const taken: WriteCalls = {
    batchWrite: async (entries) => {
      if (entries.length > maxEntries) throw refuse(entries.length, maxEntries);
      batches.push(entries);
    },
    repair: async ({ key }) => void repairs.push(key),
  };
  return { ...taken, batches, repairs };
}

const tooManyEntries = (size: number, limit: number) =>
  new StorageError("INVALID_ARGUMENT", "the batch has too many entries", {
    details: { size: String(size), limit: String(limit) },
  });
const tooLargeForGo = () =>
  new StorageError("RESOURCE_EXHAUSTED", "grpc: received message larger than max (5000000 vs. 4194304)");

describe("batches", () => {
  test("have at most so many entries, and so many bytes, in the order of the records", async () => {
    const byCount = calls(1e9);
    expect((await writeRecords(records(1200), byCount)).keysWritten).toBe(1200);
    expect(byCount.batches.map((batch) => batch.length)).toEqual([512, 512, 176]);
    expect(byCount.batches.flat().map(({ key }) => key)).toEqual(records(1200).map(({ key }) => key));
    const bySize = calls(1e9);
    await writeRecords(records(10, 200 * 1024), bySize);
    expect(bySize.batches.map((batch) => batch.length)).toEqual([2, 2, 2, 2, 2]);
    const oneAlone = calls(1e9);
    await writeRecords([record("large", 2 << 20), record("small")], oneAlone);
    expect(oneAlone.batches.map((batch) => batch.length)).toEqual([1, 1]);
  });

  test("keep a key's versions together, each with its clock, time and value", async () => {
    const one = calls(1e9);
    await writeRecords([...records(510), record("siblings", 3, 3)], one);
    expect(one.batches.map((batch) => batch.length)).toEqual([510, 3]);
    expect(one.batches[1]![1]).toMatchObject({
      tenantId: "t",
      key: "siblings",
      value: new Uint8Array(3),
      vectorClock: { entries: [{ coordinatorNodeId: "node-1", logicalTimestamp: 1n }] },
      timestamp: 7n,
      isTombstone: false,
    });
  });

  test.each([
    ["a node of this make", tooManyEntries],
    ["one of another make", tooLargeForGo],
  ])("are cut as long as %s finds them too large", async (_, refuse) => {
    const small = calls(3, refuse);
    expect((await writeRecords(records(100), small)).keysWritten).toBe(100);
    expect(Math.max(...small.batches.map((batch) => batch.length))).toBeLessThanOrEqual(3);
    expect(new Set(small.batches.flat().map(({ key }) => key)).size).toBe(100);
  });

  test("part a key only where it is too large by itself", async () => {
    const small = calls(2);
    expect((await writeRecords([record("a", 1, 5), record("b")], small)).keysWritten).toBe(2);
    expect(small.batches.flat().length).toBe(6);
    const none = calls(0);
    const failure = writeRecords([record("a", 1, 5)], none);
    expect(failure).rejects.toMatchObject({
      code: "VALUE_TOO_LARGE",
      message: expect.stringContaining('the key "a" of the tenant "t" does not fit a call'),
    });
  });

  test("that fail otherwise are not cut", async () => {
    let count = 0;
    const failing = { ...calls(1e9), batchWrite: () => Promise.reject(refusal(++count)) };
    const refusal = (n: number) => new StorageError("INVALID_ARGUMENT", `bad entry ${n}`);
    expect(writeRecords(records(4), failing)).rejects.toThrow("bad entry 1");
    expect(count).toBe(1);
  });
});

test("without batches, all records go one by one, those before among them", async () => {
  const old = calls(1e9);
  let batchCount = 0;
  old.batchWrite = async () => {
    if (++batchCount === 2) throw unimplementedBy("the node", "BatchWrite");
  };
  const deleted = record("gone");
  const tombstone = { ...deleted.versions[0]!, isTombstone: true, value: new Slice() };
  const all = [...records(600), record("siblings", 1, 3), { ...deleted, versions: [tombstone] }];
  expect(await writeRecords(all, old)).toEqual({
    keysWritten: 601,
    deletedKeysLeft: ["gone"],
    siblingsLeft: 2,
  });
  expect(old.repairs.length).toBe(601);
});
