import { expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import { TableReaders } from "../../../../src/engine/manifest/table-readers.ts";
import { TableReadCounters } from "../../../../src/engine/statistics/read-statistics.ts";
import { tableMetadata, testOptions } from "./manifest-support.ts";

function setUp(maxOpenCount: number) {
  const { options, tables } = testOptions();
  const readers = new TableReaders({ ...options, maxOpenCount });
  return {
    readers,
    fakes: tables,
    tables: [1, 2, 3, 4].map((number) => readers.table(tableMetadata(number))),
  };
}

test("a table opens when its reader is asked for, and once", () => {
  const { readers, fakes, tables } = setUp(4);
  expect(fakes.opened).toEqual([]);
  const { reader } = tables[0]!;
  expect(tables[0]!.reader).toBe(reader);
  expect(fakes.opened).toEqual([1]);
  expect(readers.openCount).toBe(1);
});

test("a turn may pass the bound; after it, those opened first are closed", async () => {
  const { readers, fakes, tables } = setUp(2);
  for (const table of tables) {
    table.reader;
    table.wasUsed = false;
  }
  expect(fakes.openNumbers).toEqual([1, 2, 3, 4]);
  await Promise.resolve();
  expect(fakes.openNumbers).toEqual([3, 4]);
  expect(readers.openCount).toBe(2);
  expect(tables.map(({ generation }) => generation)).toEqual([1, 1, 0, 0]);
});

test("a table that was used since its last turn stays before one that was not", async () => {
  const { fakes, tables } = setUp(3);
  for (const table of tables.slice(0, 3)) {
    table.reader;
    table.wasUsed = false;
  }
  tables[0]!.reader;
  tables[3]!.reader;
  await Promise.resolve();
  expect(fakes.openNumbers).toEqual([1, 3, 4]);
});

test("where all were used, the bound holds all the same", async () => {
  const { readers, tables } = setUp(1);
  for (const table of tables) table.reader;
  await Promise.resolve();
  expect(readers.openCount).toBe(1);
});

test("a closed table opens again, and counts where it was told to", async () => {
  const { fakes, tables } = setUp(1);
  const counters = new TableReadCounters();
  tables[0]!.reader;
  tables[0]!.counters = counters;
  expect(tables[0]!.reader.counters).toBe(counters);
  tables[0]!.wasUsed = false;
  tables[1]!.reader;
  await Promise.resolve();
  expect(fakes.openNumbers).toEqual([2]);
  expect(tables[0]!.reader.counters).toBe(counters);
  expect(fakes.opened).toEqual([1, 2, 1]);
});

test("filters and indexes are held until they take what they may, and again once a table closed", () => {
  const { fakes, tables } = setUp(4);
  fakes.heldBytes = 60;
  for (const table of tables.slice(0, 3)) table.reader;
  expect(fakes.heldTails).toEqual([true, true, false]);
  tables[0]!.close();
  tables[1]!.close();
  tables[3]!.reader;
  expect(fakes.heldTails).toEqual([true, true, false, true]);
});

test("a table that is closed for good is not read again", () => {
  const { readers, fakes, tables } = setUp(4);
  tables[0]!.reader;
  tables[0]!.close();
  expect(readers.openCount).toBe(0);
  expect(fakes.closed).toEqual([1]);
  expect(() => tables[0]!.reader).toThrow("after the last version");
});

test("what the system refuses names the table; damage is passed on as it is", () => {
  const { options } = testOptions();
  const failWith = (error: unknown) =>
    new TableReaders({
      ...options,
      openTable: () => {
        throw error;
      },
    }).table(tableMetadata(7));
  const refused = failWith(Object.assign(new Error("out of maps"), { code: "ENOMEM" }));
  expect(() => refused.reader).toThrow("/data/sstables/000007.sst cannot be opened: out of maps");
  const damage = new StorageError("CORRUPTED_DATA", "bad footer");
  expect(() => failWith(damage).reader).toThrow(damage);
});
