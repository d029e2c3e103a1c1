import { describe, expect, test } from "bun:test";
import { Memtable } from "../../../../src/engine/memtable/memtable.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import { bytes, drain, entry, line, type ModelEntry, rewound, sought } from "./memtable-model.ts";

function memtableOf(...entries: ModelEntry[]): Memtable {
  const memtable = Memtable.create(1 << 20, seededRandom(3));
  for (const entry of entries) insert(memtable, entry);
  return memtable;
}

function insert(memtable: Memtable, { key, sequence, kind, value }: ModelEntry): void {
  expect(memtable.insert(key, key.length, sequence, kind, value, value.length)).toBe(true);
}

/** Versions 1 to `count` of one key, numbered from `first`. */
function versions(key: string, first: number, count: number): ModelEntry[] {
  return Array.from({ length: count }, (_, i) => entry(key, first + i));
}

describe.each(["cursor", "newestCursor"] as const)("%s", (kind) => {
  test("stands on nothing until it is moved", () => {
    const cursor = memtableOf(entry("a", 1))[kind]();
    expect(cursor.valid).toBe(false);
    expect(() => cursor.next()).toThrow("stands on no entry");
  });

  test("finds nothing in an empty memtable", () => {
    const cursor = memtableOf()[kind]();
    expect(rewound(cursor).valid).toBe(false);
    expect(sought(cursor, bytes("")).valid).toBe(false);
  });

  test("goes through all keys, and again after a rewind", () => {
    const entries = [entry("a", 2), entry("b", 3), entry("c", 1)];
    const cursor = memtableOf(...entries)[kind]();
    expect(drain(rewound(cursor))).toEqual(entries.map(line));
    expect(cursor.valid).toBe(false);
    expect(() => cursor.next()).toThrow("stands on no entry");
    expect(drain(rewound(cursor))).toEqual(entries.map(line));
  });

  test("seeks to the first key at or after the one given, forwards and backwards", () => {
    const cursor = memtableOf(entry("b", 1), entry("bb", 2), entry("d", 3))[kind]();
    const at = (key: string): string | undefined => drain(sought(cursor, bytes(key)), 1)[0];
    expect(at("e")).toBeUndefined();
    expect(at("")).toBe(line(entry("b", 1)));
    expect(at("b")).toBe(line(entry("b", 1)));
    expect(at("b\0")).toBe(line(entry("bb", 2)));
    expect(at("bb")).toBe(line(entry("bb", 2)));
    expect(at("c")).toBe(line(entry("d", 3)));
    expect(at("d")).toBe(line(entry("d", 3)));
    expect(at("d\0")).toBeUndefined();
    expect(at("a")).toBe(line(entry("b", 1)));
  });

  test("passes over what is newer than its sequence number", () => {
    const cursor = memtableOf(entry("a", 5), entry("b", 1), entry("b", 6), entry("c", 7), entry("d", 2))[
      kind
    ](4);
    const visible = [entry("b", 1), entry("d", 2)].map(line);
    expect(drain(rewound(cursor))).toEqual(visible);
    expect(drain(sought(cursor, bytes("a")))).toEqual(visible);
    expect(drain(sought(cursor, bytes("b")))).toEqual(visible);
    expect(drain(sought(cursor, bytes("c")))).toEqual(visible.slice(1));
  });

  test("is empty below the first sequence number", () => {
    expect(rewound(memtableOf(entry("a", 5), entry("b", 6))[kind](4)).valid).toBe(false);
  });

  test("leaves behind many newer versions of a key", () => {
    const hot = versions("b", 100, 1000);
    const cursor = memtableOf(entry("a", 1), ...hot, entry("b", 2), entry("c", 3))[kind](50);
    const visible = [entry("a", 1), entry("b", 2), entry("c", 3)].map(line);
    expect(drain(rewound(cursor))).toEqual(visible);
    expect(drain(sought(cursor, bytes("b")))).toEqual(visible.slice(1));
  });

  test("leaves behind many newer keys", () => {
    const newer = Array.from({ length: 1000 }, (_, i) => entry(`b${String(i).padStart(4, "0")}`, 100 + i));
    const cursor = memtableOf(entry("a", 1), ...newer, entry("c", 3))[kind](50);
    expect(drain(rewound(cursor))).toEqual([entry("a", 1), entry("c", 3)].map(line));
  });

  test("is not disturbed by inserts before, at and after its place", () => {
    const memtable = memtableOf(entry("b", 1), entry("d", 2), entry("f", 3));
    const cursor = memtable[kind](3);
    const seen = drain(rewound(cursor), 1);
    for (const [i, key] of ["a", "b", "c", "d", "e", "f", "g"].entries())
      insert(memtable, entry(key, 10 + i));
    seen.push(...drain(cursor));
    expect(seen).toEqual([entry("b", 1), entry("d", 2), entry("f", 3)].map(line));
  });
});

describe("versions", () => {
  const versionCounts = [1, 2, 7, 8, 9, 16, 17, 500];

  test.each(versionCounts)("cursor yields all %d of a key, newest first", (count) => {
    const hot = versions("b", 10, count);
    const cursor = memtableOf(entry("a", 1), ...hot, entry("c", 2)).cursor();
    const expected = [entry("a", 1), ...hot.toReversed(), entry("c", 2)].map(line);
    expect(drain(rewound(cursor))).toEqual(expected);
    expect(drain(sought(cursor, bytes("b")))).toEqual(expected.slice(1));
  });

  test.each(versionCounts)("newestCursor yields the newest of %d", (count) => {
    const hot = versions("b", 0, count);
    const memtable = memtableOf(entry("a", 1001), ...hot, entry("c", 1002));
    const expected = [entry("a", 1001), hot.at(-1)!, entry("c", 1002)].map(line);
    expect(drain(rewound(memtable.newestCursor()))).toEqual(expected);
    expect(drain(sought(memtable.newestCursor(), bytes("b")))).toEqual(expected.slice(1));
    expect(drain(sought(memtable.newestCursor(0), bytes("b")))[0]).toBe(line(hot[0]!));
  });

  test("newestCursor ends with a key of many versions", () => {
    const hot = versions("z", 1, 100);
    expect(drain(rewound(memtableOf(...hot).newestCursor()))).toEqual([line(hot.at(-1)!)]);
  });
});

test("a cursor reuses its slices", () => {
  const cursor = rewound(memtableOf(entry("a", 1), entry("b", 2)).cursor());
  const { key, value } = cursor;
  cursor.next();
  expect(cursor.key).toBe(key);
  expect(cursor.value).toBe(value);
  expect(key.copy()).toEqual(bytes("b"));
});
