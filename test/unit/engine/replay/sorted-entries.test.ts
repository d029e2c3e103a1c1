import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes, Slice } from "../../../../src/base/bytes.ts";
import { type EntryKind, entryKinds } from "../../../../src/engine/internal-key.ts";
import { EntryList, mostEntries } from "../../../../src/engine/replay/entry-list.ts";
import { SortedEntries } from "../../../../src/engine/replay/sorted-entries.ts";

interface Entry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: EntryKind;
  readonly value: Uint8Array;
}

function listOf(entries: readonly Entry[]): EntryList {
  const list = new EntryList(1 << 16);
  for (const { key, sequence, kind, value } of entries) {
    expect(list.add(new Slice(key), sequence, kind, new Slice(value))).toBe(true);
  }
  return list;
}

function current(cursor: SortedEntries): Entry {
  return {
    key: cursor.key.copy(),
    sequence: cursor.sequence,
    kind: cursor.kind,
    value: cursor.value.copy(),
  };
}

function all(cursor: SortedEntries): Entry[] {
  const entries: Entry[] = [];
  for (cursor.rewind(); cursor.valid; cursor.next()) entries.push(current(cursor));
  return entries;
}

/** The newest of each key, in order. */
function expected(entries: readonly Entry[]): Entry[] {
  const newest = new Map(entries.map((entry) => [entry.key.toHex(), entry]));
  return [...newest.values()].sort((a, b) => compareBytes(a.key, b.key));
}

const bytes = fc
  .array(fc.constantFrom(0, 1, 127, 128, 255), { maxLength: 11 })
  .map((list) => Uint8Array.from(list));
const shared = fc.constantFrom(new Uint8Array(0), new TextEncoder().encode("tenant:"));
const entries = fc
  .array(
    fc.record({
      head: shared,
      tail: bytes,
      kind: fc.constantFrom<EntryKind>(entryKinds.value, entryKinds.tombstone),
      value: bytes,
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((list) =>
    list.map(({ head, tail, kind, value }, index) => ({
      key: Uint8Array.from([...head, ...tail]),
      sequence: 2 ** 40 + index,
      kind,
      value,
    })),
  );

test("each key comes once, in order, with its newest entry", () => {
  fc.assert(
    fc.property(entries, (list) => {
      expect(all(new SortedEntries(listOf(list).share()))).toEqual(expected(list));
    }),
    { numRuns: 500 },
  );
});

test("seek goes to the first entry at or after a key", () => {
  fc.assert(
    fc.property(entries, fc.array(bytes), (list, others) => {
      const cursor = new SortedEntries(listOf(list).share());
      const sorted = expected(list);
      for (const key of [...list.map((entry) => entry.key), ...others]) {
        cursor.seek(key);
        const wanted = sorted.find((entry) => compareBytes(entry.key, key) >= 0);
        expect(cursor.valid ? current(cursor) : undefined).toEqual(wanted);
      }
    }),
  );
});

test("keys that share long stretches are told apart behind them", () => {
  const key = (text: string): Uint8Array => new TextEncoder().encode(`a long stretch that all share${text}`);
  const texts = ["", "0", "00000", "000000000001", "000000000002", "00001", "1"];
  const list = texts.toReversed().map((text, index) => ({
    key: key(text),
    sequence: index + 1,
    kind: entryKinds.value,
    value: key(text),
  }));
  expect(all(new SortedEntries(listOf(list).share())).map((entry) => entry.value)).toEqual(texts.map(key));
});

describe("a list", () => {
  const key = new Slice(new Uint8Array(5));
  const value = new Slice(new Uint8Array(10));

  test("refuses what it has no room for, and stays as it was", () => {
    const list = new EntryList(70);
    expect(list.add(key, 7, entryKinds.value, value)).toBe(true);
    expect(list.add(key, 8, entryKinds.value, value)).toBe(true);
    expect(list.add(key, 9, entryKinds.value, value)).toBe(false);
    expect([list.entryCount, list.largestSequence, list.usedBytes]).toEqual([2, 8, 64]);
  });

  test("takes no more entries than can be numbered", () => {
    const list = new EntryList(2 ** 24);
    const none = new Slice();
    for (let i = 1; i <= mostEntries; i++) list.add(none, i, entryKinds.value, none);
    expect(list.add(none, mostEntries + 1, entryKinds.value, none)).toBe(false);
    expect(all(new SortedEntries(list.share())).map(({ sequence }) => sequence)).toEqual([mostEntries]);
  });
});
