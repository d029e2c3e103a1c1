import { expect, test } from "bun:test";
import { LevelPolicy } from "../../../../src/engine/compaction/level-policy.ts";
import { engineOptions } from "../../../../src/engine/options.ts";
import { tableMetadata } from "../manifest/manifest-support.ts";

test("a debt is all of level 0 once it is due, and what other levels hold beyond their measure", () => {
  const policy = new LevelPolicy(
    engineOptions("/data", { compaction: { l0TriggerCount: 4, l1TableSizeBytes: 1024 } }).compaction,
  );
  const tables = (count: number) =>
    Array.from({ length: count }, (_, number) => tableMetadata(number, { sizeBytes: 1024 }));
  const debtOf = (...counts: number[]) => policy.debtBytes(counts.map(tables));
  // Level 1 holds four tables' worth, level 2 forty; the last one has no measure.
  expect(debtOf(3, 4, 40, 0, 9000)).toBe(0);
  expect(debtOf(4, 4, 40, 0, 0)).toBe(4 * 1024);
  expect(debtOf(0, 6, 43, 0, 0)).toBe(5 * 1024);
});
