/** Replicas that came to the same records in other ways have the same checksums. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Engine } from "../../../src/engine/engine.ts";
import { DiskGuard } from "../../../src/node/disk-guard.ts";
import { Drain } from "../../../src/node/drain.ts";
import { silentNodeObserver } from "../../../src/node/node-observer.ts";
import { StorageNode } from "../../../src/node/storage-node.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { bytesOf, smallClock } from "../../support/arbitrary-versions.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { checksumsOf, digestsOf } from "../../support/range-checksums.ts";

const change = fc.record({
  key: fc.constantFrom(...Array.from({ length: 12 }, (_, i) => `k${i}`)),
  clock: smallClock(["a", "b", "c"], 2).filter((clock) => clock.length > 0),
  isTombstone: fc.boolean(),
  valueBytes: fc.constantFrom(0, 1, 700),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** What is done to the engine after a change. */
const upkeep = fc.constantFrom("nothing", "nothing", "nothing", "flush", "compact");

function nodeOver(engine: Engine): StorageNode {
  const clock = new ManualClock();
  const probe = () => ({ totalBytes: 1000, availableBytes: 900 });
  const diskGuard = new DiskGuard({ maxDiskUsage: 0.9, clock, probe, onStateChange: () => undefined });
  const drain = new Drain({ store: engine, clock, activeStreams: () => [] });
  return new StorageNode(
    { store: engine, diskGuard, drain, clock, observer: silentNodeObserver },
    {
      nodeId: "n",
      limits: { maxSiblings: 10, maxRecordBytes: 1 << 20 },
      batchLimits: { maxEntries: 1000, maxBytes: 1 << 20 },
      staleWrite: "accept",
      gcGraceMs: 3_600_000,
    },
  );
}

async function replica(changes: readonly Change[], upkeeps: readonly string[]) {
  const engine = await openEngine(new MemoryFileSystem(), tinyOptions(), 1);
  try {
    const node = nodeOver(engine);
    for (const [i, { key, clock, isTombstone, valueBytes }] of changes.entries()) {
      if (isTombstone) await node.delete("t", key, clock);
      else await node.write("t", key, new Uint8Array(valueBytes).fill(clock.length), clock);
      const due = upkeeps[i % upkeeps.length];
      if (due === "flush") await engine.flush();
      if (due === "compact") await engine.compactRange();
    }
    return { checksums: await checksumsOf(node), digests: await digestsOf(node) };
  } finally {
    await engine.close();
  }
}

test("whatever the order, the repetition, the flushes and the compactions", async () => {
  const histories = fc.record({
    changes: fc.array(change, { minLength: 1, maxLength: 25 }),
    order: fc.array(fc.nat(), { minLength: 25, maxLength: 25 }),
    upkeeps: fc.tuple(fc.array(upkeep, { minLength: 1 }), fc.array(upkeep, { minLength: 1 })),
  });
  await fc.assert(
    fc.asyncProperty(histories, async ({ changes, order, upkeeps }) => {
      const shuffled = [...changes, ...changes.slice(0, 5)]
        .map((each, i) => ({ each, rank: order[i % order.length]! }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ each }) => each);
      const one = await replica(changes, upkeeps[0]);
      const other = await replica(shuffled, upkeeps[1]);
      expect(other.digests).toEqual(one.digests);
      expect(one.checksums.differingFrom(other.checksums)).toEqual([]);
      expect(one.checksums.recordCount).toBe(new Set(changes.map(({ key }) => key)).size);
    }),
    { numRuns: 10 },
  );
});

test("a tenant that was deleted as a whole counts for nothing", async () => {
  const engine = await openEngine(new MemoryFileSystem(), tinyOptions(), 1);
  const node = nodeOver(engine);
  const clock = [{ nodeId: "c", timestamp: 1n }];
  for (const tenant of ["a", "b"]) await node.write(tenant, "k", bytesOf("v"), clock);
  await engine.flush();
  await node.deleteTenant("a");
  expect((await digestsOf(node)).map(([key]) => key)).toEqual(["b:k"]);
  await engine.close();
});
