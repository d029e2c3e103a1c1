import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes } from "../../../../src/base/bytes.ts";
import type { Table } from "../../../../src/engine/manifest/table.ts";
import { TableReaders } from "../../../../src/engine/manifest/table-readers.ts";
import { coversKey, Version } from "../../../../src/engine/manifest/version.ts";
import type { TableMetadata } from "../../../../src/engine/manifest/version-edit.ts";
import { silentObserver } from "../../../../src/engine/observer.ts";
import { ReadStatistics } from "../../../../src/engine/statistics/read-statistics.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { key, tableMetadata, testOptions } from "./manifest-support.ts";

const { options, tables: fakes } = testOptions();
const readers = new TableReaders(options);
const reads = new ReadStatistics({ clock: new ManualClock(), observer: silentObserver });
const table = (fileNumber: number, overrides: Partial<TableMetadata> = {}) =>
  readers.table(tableMetadata(fileNumber, overrides));
const atLevel = (level: number, tables: Table[]) => {
  const levels: Table[][] = [[], [], [], [], []];
  levels[level] = tables;
  return new Version(levels, reads, () => {});
};

/** Disjoint tables by key, from any set of border keys. */
const disjointTables = fc
  .uniqueArray(fc.uint8Array({ maxLength: 3 }), {
    maxLength: 16,
    comparator: (a, b) => compareBytes(a, b) === 0,
  })
  .map((borders) => {
    const sorted = borders.sort(compareBytes);
    const pairs: Table[] = [];
    for (let i = 0; i + 1 < sorted.length; i += 2) {
      pairs.push(table(i + 1, { level: 1, smallestKey: sorted[i]!, largestKey: sorted[i + 1]! }));
    }
    return pairs;
  });

describe("looking for tables", () => {
  test("tableForKey finds the one table that covers a key", () => {
    fc.assert(
      fc.property(disjointTables, fc.uint8Array({ maxLength: 4 }), (tables, wanted) => {
        const found = atLevel(1, tables).tableForKey(1, wanted, wanted.length);
        expect(found).toBe(tables.find((candidate) => coversKey(candidate, wanted, wanted.length)));
      }),
    );
  });

  test("the key's length counts, not its buffer's", () => {
    const only = table(1, { level: 1, smallestKey: key("b"), largestKey: key("b") });
    const version = atLevel(1, [only]);
    expect(version.tableForKey(1, key("bzzz"), 1)).toBe(only);
    expect(version.tableForKey(1, key("bzzz"), 2)).toBeUndefined();
  });

  test("level 0 has to be asked table by table", () => {
    expect(() => atLevel(0, []).tableForKey(0, key("a"), 1)).toThrow("level 0");
  });
});

describe("references", () => {
  test("a table closes with the last version that holds it", () => {
    const shared = table(1);
    const dropped = table(2);
    for (const { reader } of [shared, dropped]) expect(reader).toBeDefined();
    const gone: number[] = [];
    const unreferenced = ({ metadata }: Table) => gone.push(metadata.fileNumber);
    const first = new Version([[shared, dropped]], reads, unreferenced);
    const second = new Version([[shared]], reads, unreferenced);
    fakes.closed.length = 0;
    first.acquire();
    first.release();
    expect(gone).toEqual([]);
    first.release();
    expect(gone).toEqual([2]);
    expect(fakes.closed).toEqual([2]);
    second.release();
    expect(gone).toEqual([2, 1]);
    expect(fakes.closed).toEqual([2, 1]);
  });

  test("a version that is gone is neither released nor acquired again", () => {
    const version = atLevel(0, []);
    version.release();
    expect(() => version.release()).toThrow("released twice");
    expect(() => version.acquire()).toThrow("acquired");
  });

  test("tableCount counts all levels", () => {
    expect(new Version([[table(1)], [table(2), table(3)]], reads, () => {}).tableCount).toBe(3);
  });
});
