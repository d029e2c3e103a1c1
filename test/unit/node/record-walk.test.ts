import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { RecordWalk } from "../../../src/node/record-walk.ts";
import { bytesOf, entries, textOf } from "../../support/arbitrary-versions.ts";
import { allRecords } from "../../support/range-checksums.ts";
import { testNode } from "../../support/test-node.ts";

const keys = Array.from({ length: 300 }, (_, i) => `t:key-${String(i).padStart(3, "0")}`);

/** A node whose clock goes on by a millisecond with each look at it. */
async function filledNode(valueBytes = 10) {
  const test = testNode();
  const monotonicMs = test.clock.monotonicMs.bind(test.clock);
  test.clock.monotonicMs = () => {
    test.clock.advance(1);
    return monotonicMs();
  };
  for (const key of keys) {
    await test.node.write("t", key.slice(2), new Uint8Array(valueBytes), entries({ c: 1 }));
  }
  return test;
}

interface Walked {
  readonly seen: string[];
  pauseCount: number;
}

/** Walks to the end; `onPause` comes whenever there is something to wait for. */
async function walkAll(walk: RecordWalk, onPause: (seen: readonly string[]) => void = () => undefined) {
  const walked: Walked = { seen: [], pauseCount: 0 };
  try {
    for (let step = walk.next(); step !== "end"; step = walk.next()) {
      if (step === "record") {
        walked.seen.push(textOf(walk.key));
        continue;
      }
      walked.pauseCount++;
      await step;
      onPause(walked.seen);
    }
  } finally {
    walk.close();
  }
  return walked;
}

describe("a walk", () => {
  test("shows every record once, in slices that end by time", async () => {
    const { node, store } = await filledNode();
    const { seen, pauseCount } = await walkAll(node.walk(allRecords));
    expect(seen).toEqual(keys);
    // 32 records between two looks at the clock, two of those a slice.
    expect(pauseCount).toBe(1 + Math.floor(keys.length / 64));
    expect(store.openViewCount).toBe(0);
  });

  test("ends slices by size, too", async () => {
    const { node } = await filledNode(20_000);
    const { seen, pauseCount } = await walkAll(node.walk(allRecords));
    expect(seen).toEqual(keys);
    expect(pauseCount).toBeGreaterThan(40);
  });

  test("shows what the store held when it began", async () => {
    const { node } = await filledNode();
    const walk = node.walk(allRecords);
    const { seen } = await walkAll(
      walk,
      () => void node.write("t", "zzz", bytesOf("late"), entries({ c: 1 })),
    );
    expect(seen).toEqual(keys);
  });

  test("of a tenant, from behind a key", async () => {
    const { node } = await filledNode();
    await node.write("s", "before", bytesOf("v"), entries({ c: 1 }));
    await node.write("t2", "behind", bytesOf("v"), entries({ c: 1 }));
    const request = { ...allRecords, tenantId: "t", afterKey: bytesOf(keys[296]!) };
    expect((await walkAll(node.walk(request))).seen).toEqual(keys.slice(297));
    expect(() => node.walk({ ...allRecords, tenantId: "a:b" })).toThrow(
      expect.objectContaining({ code: "INVALID_TENANT_ID" }),
    );
  });

  test("passes a long run of expired records in slices", async () => {
    const { node, clock } = testNode();
    for (let i = 0; i < 300; i++) await node.delete("t", `k${i}`, entries({ c: 1 }));
    await node.write("t", "live", bytesOf("v"), entries({ c: 1 }));
    const monotonicMs = clock.monotonicMs.bind(clock);
    clock.monotonicMs = () => {
      clock.advance(1);
      return monotonicMs();
    };
    const walked = await walkAll(node.walk({ tenantId: "", deletedBeforeSeconds: 2_000_000_000 }));
    expect(walked.seen).toEqual(["t:live"]);
    expect(walked.pauseCount).toBe(1 + Math.floor(301 / 64));
  });
});

describe("a walk whose view has ended", () => {
  const ended = new StorageError("ABORTED", "the view of the data ended");

  test("goes on with a later one behind the last key", async () => {
    const { node, store } = await filledNode();
    const walk = node.walk(allRecords);
    let firstSequence = 0;
    const { seen } = await walkAll(walk, (soFar) => {
      if (soFar.length === 0) firstSequence = walk.sequence;
      if (soFar.length !== 64) return;
      store.viewError = store.viewError === undefined ? ended : undefined;
      void node.write("t", "key-new", bytesOf("late"), entries({ c: 1 }));
    });
    expect(seen).toEqual([...keys, "t:key-new"]);
    expect(firstSequence).toBe(keys.length);
    expect(store.openViewCount).toBe(0);
  });

  test("gives up where no view can be read", async () => {
    const { node, store } = await filledNode();
    store.viewError = ended;
    await expect(walkAll(node.walk(allRecords))).rejects.toBe(ended);
    expect(store.openViewCount).toBe(0);
  });

  test("does not hide other failures", async () => {
    const { node, store } = await filledNode();
    store.viewError = new StorageError("CORRUPTED_DATA", "a block is damaged");
    await expect(walkAll(node.walk(allRecords))).rejects.toBe(store.viewError);
    expect(store.openViewCount).toBe(0);
  });
});

test("a walk waits for what lies on the disk, and ends with its signal", async () => {
  const { node, store } = await filledNode();
  store.cold = Promise.withResolvers<void>();
  const abort = new AbortController();
  const walk = node.walk({ ...allRecords, signal: abort.signal });
  let seen: readonly string[] = [];
  const walked = walkAll(walk, (soFar) => {
    seen = soFar;
    if (soFar.length === 64) abort.abort(new StorageError("UNAVAILABLE", "enough"));
  });
  await Bun.sleep(5);
  expect(seen).toEqual([]);
  store.cold.resolve();
  store.cold = undefined;
  await expect(walked).rejects.toThrow("enough");
  expect(seen).toHaveLength(128);
  expect(store.openViewCount).toBe(0);
});

test("whoever leaves may wait, and goes on behind the record", async () => {
  const { node } = await filledNode();
  const walk = node.walk(allRecords);
  const seen: string[] = [];
  for (let step = walk.next(); step !== "end"; step = walk.next()) {
    if (step !== "record") {
      await step;
      continue;
    }
    seen.push(textOf(walk.key));
    walk.leave();
    await Bun.sleep(0);
  }
  walk.close();
  expect(seen).toEqual(keys);
});
