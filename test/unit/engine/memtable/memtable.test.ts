import { describe, expect, test } from "bun:test";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import { Arena, maxArenaBytes } from "../../../../src/engine/memtable/arena.ts";
import { Memtable } from "../../../../src/engine/memtable/memtable.ts";
import { maxEntryBytes, SkipList } from "../../../../src/engine/memtable/skip-list.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import { bytes, drain, entry, line, lookUp, type ModelEntry, rewound } from "./memtable-model.ts";

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const newest = Number.MAX_SAFE_INTEGER;

function memtableOf(capacityBytes: number, ...entries: ModelEntry[]): Memtable {
  const memtable = Memtable.create(capacityBytes, seededRandom(7));
  for (const entry of entries) expect(insert(memtable, entry)).toBe(true);
  return memtable;
}

function insert(memtable: Memtable, { key, sequence, kind, value }: ModelEntry): boolean {
  return memtable.insert(key, key.length, sequence, kind, value, value.length);
}

describe("find", () => {
  test("finds nothing in an empty memtable", () => {
    expect(lookUp(memtableOf(kibibyte), bytes("a"), newest)).toBeUndefined();
  });

  test("finds the newest entry up to a sequence number", () => {
    const memtable = memtableOf(4 * kibibyte, entry("k", 5), entry("k", 9), entry("k", 7));
    expect(lookUp(memtable, bytes("k"), 4)).toBeUndefined();
    expect(lookUp(memtable, bytes("k"), 5)).toBe(line(entry("k", 5)));
    expect(lookUp(memtable, bytes("k"), 6)).toBe(line(entry("k", 5)));
    expect(lookUp(memtable, bytes("k"), 7)).toBe(line(entry("k", 7)));
    expect(lookUp(memtable, bytes("k"), 8)).toBe(line(entry("k", 7)));
    expect(lookUp(memtable, bytes("k"), newest)).toBe(line(entry("k", 9)));
  });

  test("tells keys from their prefixes and their neighbours", () => {
    const memtable = memtableOf(4 * kibibyte, entry("ab", 1), entry("abcd", 2));
    for (const absent of ["", "a", "abc", "abcde", "aa", "b"]) {
      expect(lookUp(memtable, bytes(absent), newest)).toBeUndefined();
    }
    expect(lookUp(memtable, bytes("ab"), newest)).toBe(line(entry("ab", 1)));
    expect(lookUp(memtable, bytes("abcd"), newest)).toBe(line(entry("abcd", 2)));
  });

  test("keeps the empty key, the empty value and a tombstone's bytes", () => {
    const tombstone = { ...entry("t", 3, "clock"), kind: entryKinds.tombstone };
    const memtable = memtableOf(4 * kibibyte, entry("", 1, "v"), entry("e", 2, ""), tombstone);
    expect(lookUp(memtable, bytes(""), newest)).toBe(line(entry("", 1, "v")));
    expect(lookUp(memtable, bytes("e"), newest)).toBe(line(entry("e", 2, "")));
    expect(lookUp(memtable, bytes("t"), newest)).toBe(line(tombstone));
  });

  test("reads only so much of its key's and value's buffer as it is told", () => {
    const memtable = memtableOf(4 * kibibyte);
    memtable.insert(bytes("key-and-more"), 3, 1, entryKinds.value, bytes("value-and-more"), 5);
    expect(lookUp(memtable, bytes("key"), newest)).toBe(line(entry("key", 1, "value")));
  });

  test("copies what it stores", () => {
    const memtable = memtableOf(4 * kibibyte);
    const own = entry("key", 1, "value");
    insert(memtable, own);
    own.key.fill(0);
    own.value.fill(0);
    expect(lookUp(memtable, bytes("key"), newest)).toBe(line(entry("key", 1, "value")));
  });

  test("orders bytes as unsigned", () => {
    const keys = [[0], [0, 0], [0x7f], [0x80], [0xff], [0xff, 0], [0xff, 0xff]].map((k) => new Uint8Array(k));
    const entries = keys.map((key, i) => entry(key, i + 1));
    const memtable = memtableOf(4 * kibibyte, ...[...entries].reverse());
    expect(drain(rewound(memtable.cursor()))).toEqual(entries.map(line));
  });
});

describe("sequence numbers", () => {
  test.each([0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52, newest])("keeps %d", (sequence) => {
    const memtable = memtableOf(4 * kibibyte, entry("k", sequence));
    expect(lookUp(memtable, bytes("k"), sequence)).toBe(line(entry("k", sequence)));
    if (sequence > 0) expect(lookUp(memtable, bytes("k"), sequence - 1)).toBeUndefined();
    expect(memtable.smallestSequence).toBe(sequence);
    expect(memtable.largestSequence).toBe(sequence);
  });

  test("compares them by both words", () => {
    const sequences = [1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 33, newest];
    const memtable = memtableOf(4 * kibibyte, ...sequences.map((sequence) => entry("k", sequence)));
    const descending = sequences.toReversed().map((sequence) => line(entry("k", sequence)));
    expect(drain(rewound(memtable.cursor()))).toEqual(descending);
    expect(lookUp(memtable, bytes("k"), 2 ** 32 + 100)).toBe(line(entry("k", 2 ** 32 + 1)));
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN])("refuses %d", (sequence) => {
    const memtable = memtableOf(4 * kibibyte);
    expect(() => insert(memtable, entry("k", sequence, "v"))).toThrow("sequence number out of range");
  });

  test("refuses a key's sequence number that is there already", () => {
    const memtable = memtableOf(4 * kibibyte, entry("k", 2), entry("k", 1));
    expect(() => insert(memtable, entry("k", 2))).toThrow("sequence number inserted twice");
    expect(() => insert(memtable, entry("k", 1))).toThrow("sequence number inserted twice");
    expect(memtable.entryCount).toBe(2);
  });
});

describe("statistics", () => {
  test("count entries, tombstones, bytes and the range of sequence numbers", () => {
    const memtable = memtableOf(4 * kibibyte);
    expect([memtable.entryCount, memtable.tombstoneCount]).toEqual([0, 0]);
    expect([memtable.smallestSequence, memtable.largestSequence]).toEqual([0, 0]);
    const emptyBytes = memtable.usedBytes;
    insert(memtable, entry("k", 20, "12345678"));
    insert(memtable, { ...entry("k", 10, ""), kind: entryKinds.tombstone });
    insert(memtable, entry("l", 30, ""));
    expect([memtable.entryCount, memtable.tombstoneCount]).toEqual([3, 1]);
    expect([memtable.smallestSequence, memtable.largestSequence]).toEqual([10, 30]);
    // Three keys of one word, three times five fields, at least three links, one value.
    expect(memtable.usedBytes - emptyBytes).toBeGreaterThanOrEqual(3 * 4 + 3 * 20 + 3 * 4 + 8);
    expect(memtable.capacityBytes).toBe(4 * kibibyte);
  });
});

describe("a full arena", () => {
  test("takes entries exactly as long as it has room, and refuses without a trace", () => {
    const memtable = memtableOf(8 * kibibyte);
    const stored: string[] = [];
    let sequence = 0;
    for (;;) {
      const next = entry(`key-${String(++sequence).padStart(6, "0")}`, sequence, "x".repeat(sequence % 90));
      const room = memtable.roomFor(next.key.length, next.value.length);
      const usedBytes = memtable.usedBytes;
      expect(insert(memtable, next)).toBe(room);
      if (!room) {
        expect(memtable.usedBytes).toBe(usedBytes);
        break;
      }
      expect(memtable.usedBytes - usedBytes).toBeLessThanOrEqual(
        maxEntryBytes(next.key.length, next.value.length),
      );
      stored.push(line(next));
    }
    expect(stored.length).toBeGreaterThan(50);
    expect(memtable.entryCount).toBe(stored.length);
    expect(memtable.largestSequence).toBe(sequence - 1);
    expect(drain(rewound(memtable.cursor()))).toEqual(stored);
  });

  test("fills to the last byte", () => {
    const memtable = memtableOf(8 * kibibyte);
    const freeBytes = memtable.capacityBytes - memtable.usedBytes;
    const valueLength = freeBytes - maxEntryBytes(3, 0);
    expect(memtable.roomFor(3, valueLength)).toBe(true);
    expect(memtable.roomFor(3, valueLength + 1)).toBe(false);
    const value = new Uint8Array(valueLength).fill(7);
    expect(memtable.insert(bytes("key"), 3, 1, entryKinds.value, value, valueLength)).toBe(true);
    expect(lookUp(memtable, bytes("key"), newest)).toBe(line({ ...entry("key", 1), value }));
  });

  test("refuses lengths beyond the buffers given", () => {
    const memtable = memtableOf(4 * kibibyte);
    const none = new Uint8Array(0);
    expect(() => memtable.insert(bytes("k"), 2, 1, entryKinds.value, none, 0)).toThrow(
      "longer than its buffers",
    );
    expect(() => memtable.insert(bytes("k"), 1, 1, entryKinds.value, none, 1)).toThrow(
      "longer than its buffers",
    );
  });
});

describe("reset", () => {
  test("empties the memtable, which then holds another round, equally large", () => {
    const memtable = memtableOf(16 * kibibyte);
    const emptyBytes = memtable.usedBytes;
    for (let round = 0; round < 5; round++) {
      const entries = Array.from({ length: 100 }, (_, i) =>
        entry(`${round}-${String((i * 37) % 100).padStart(3, "0")}`, round * 1000 + i + 1),
      );
      for (const each of entries) expect(insert(memtable, each)).toBe(true);
      const sorted = entries.map(line).sort();
      expect(drain(rewound(memtable.cursor()))).toEqual(sorted);
      expect(memtable.smallestSequence).toBe(round * 1000 + 1);
      memtable.reset();
      expect(memtable.entryCount).toBe(0);
      expect(memtable.largestSequence).toBe(0);
      expect(memtable.usedBytes).toBe(emptyBytes);
      expect(rewound(memtable.cursor()).valid).toBe(false);
      expect(lookUp(memtable, entries[0]!.key, newest)).toBeUndefined();
    }
  });
});

test("nothing of the round before shows where the next one goes on above it", () => {
  const memtable = memtableOf(16 * kibibyte, entry("a", 1), entry("b", 2), entry("c", 3));
  memtable.reset();
  insert(memtable, entry("d", 4));
  expect(drain(rewound(memtable.cursor()))).toEqual([line(entry("d", 4))]);
});

describe("large arenas", () => {
  test("hold values of 16 MiB in 64 MiB", () => {
    const memtable = memtableOf(64 * mebibyte);
    const values = [1, 2, 3].map((fill) => new Uint8Array(16 * mebibyte).fill(fill));
    for (const [i, value] of values.entries()) {
      expect(insert(memtable, { ...entry(`k${i}`, i + 1), value })).toBe(true);
    }
    expect(insert(memtable, { ...entry("k3", 4), value: values[0]! })).toBe(false);
    const cursor = rewound(memtable.cursor());
    for (const value of values) {
      expect(Buffer.compare(cursor.value.copy(), value)).toBe(0);
      cursor.next();
    }
  });

  test("reach to 2 GiB", () => {
    const arena = Arena.create(maxArenaBytes);
    const list = new SkipList(arena, 1);
    list.clear();
    // Nodes now begin in the arena's last mebibyte; its pages before that are never touched.
    arena.allocateWords((maxArenaBytes - mebibyte) / 4);
    const memtable = new Memtable(list);
    insert(memtable, entry("empty", 0, ""));
    expect(rewound(memtable.cursor()).value.start).toBe(maxArenaBytes);
    const entries = [line(entry("empty", 0, ""))];
    for (let sequence = 1; memtable.roomFor(10, 300); sequence++) {
      const next = entry(`key-${String((sequence * 7919) % 1_000_000).padStart(6, "0")}`, sequence);
      insert(memtable, next);
      entries.push(line(next));
      expect(lookUp(memtable, next.key, newest)).toBe(line(next));
    }
    expect(entries.length).toBeGreaterThan(1000);
    expect(drain(rewound(memtable.cursor()))).toEqual(entries.sort());
    expect(memtable.usedBytes).toBeLessThanOrEqual(maxArenaBytes);
  });
});
