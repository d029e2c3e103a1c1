import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes } from "../../../../src/base/bytes.ts";
import {
  decodeFrameHeader,
  frameHeaderSizeBytes,
  framesOffset,
} from "../../../../src/engine/commit-log/format.ts";
import { FrameBuilder } from "../../../../src/engine/commit-log/frame-builder.ts";
import { FrameCursor } from "../../../../src/engine/commit-log/frame-cursor.ts";
import { type EntryCursor, type EntryKind, entryKinds } from "../../../../src/engine/internal-key.ts";
import { EntryList } from "../../../../src/engine/replay/entry-list.ts";
import { ReplayedMemtable } from "../../../../src/engine/replay/replayed-memtable.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import { newFound } from "../../../support/store-history.ts";

interface Entry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: EntryKind;
  readonly value: Uint8Array;
}

/** Frames of a few entries each, as a reader of the log would give them out. */
function* framesOf(entries: readonly Entry[]): Generator<FrameCursor> {
  for (let from = 0; from < entries.length; from += 3) {
    const group = entries.slice(from, from + 3);
    const builder = new FrameBuilder(1, new Uint8Array(8), 1 << 20);
    for (const { sequence, kind, key, value } of group) {
      builder.add(sequence, kind, key, key.length, value, value.length);
    }
    builder.closeFrame({ syncedThrough: 0, commitTimeMs: 0 });
    const bytes = builder.take();
    const frame = new FrameCursor("log");
    decodeFrameHeader(bytes, 0, new Uint8Array(8), framesOffset, frame.header);
    frame.begin(bytes, frameHeaderSizeBytes);
    yield frame;
  }
}

function add(list: EntryList, frame: FrameCursor): boolean {
  if (!list.tryBegin(frame)) return false;
  while (frame.next()) list.add(frame);
  return true;
}

function listOf(entries: readonly Entry[]): EntryList {
  const list = new EntryList(1 << 20);
  for (const frame of framesOf(entries)) expect(add(list, frame)).toBe(true);
  return list;
}

function current(cursor: EntryCursor): Entry {
  return {
    key: cursor.key.copy(),
    sequence: cursor.sequence,
    kind: cursor.kind,
    value: cursor.value.copy(),
  };
}

const latest = Number.MAX_SAFE_INTEGER;

function all(memtable: ReplayedMemtable): Entry[] {
  const cursor = memtable.newestCursor(latest);
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
      expect(all(ReplayedMemtable.from(listOf(list)))).toEqual(expected(list));
    }),
    { numRuns: 500 },
  );
});

test("look-ups and seeks find what a sorted list of the newest entries has", () => {
  fc.assert(
    fc.property(entries, fc.array(bytes), (list, others) => {
      const memtable = ReplayedMemtable.from(listOf(list));
      const cursor = memtable.newestCursor(latest);
      const found = newFound();
      const sorted = expected(list);
      for (const key of [...list.map((entry) => entry.key), ...others]) {
        cursor.seek(key);
        const next = sorted.find((entry) => compareBytes(entry.key, key) >= 0);
        expect(cursor.valid ? current(cursor) : undefined).toEqual(next);
        const wanted = sorted.find((entry) => compareBytes(entry.key, key) === 0);
        const isFound = memtable.find(key, key.length, latest, found);
        const { sequence, kind, value } = found;
        const foundEntry: Entry | undefined = isFound
          ? { key, sequence, kind, value: value.copy() }
          : undefined;
        expect(foundEntry).toEqual(wanted);
      }
    }),
  );
});

test("what a range takes is shared out by its keys", () => {
  const key = (index: number): Uint8Array => Uint8Array.of(index);
  const list = Array.from({ length: 100 }, (_, index) => ({
    key: key(index),
    sequence: index + 1,
    kind: entryKinds.value,
    value: new Uint8Array(50),
  }));
  const memtable = ReplayedMemtable.from(listOf(list));
  expect(memtable.approximateBytes(undefined, undefined)).toBe(memtable.usedBytes);
  expect(memtable.approximateBytes(key(25), key(75))).toBe(Math.round(memtable.usedBytes / 2));
  expect(memtable.approximateBytes(key(75), key(25))).toBe(0);
});

test("it is not read as of the past", () => {
  const list = [{ key: new Uint8Array(1), sequence: 7, kind: entryKinds.value, value: new Uint8Array(1) }];
  expect(() => ReplayedMemtable.from(listOf(list)).newestCursor(6)).toThrow("moment in the past");
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
  expect(all(ReplayedMemtable.from(listOf(list))).map((entry) => entry.value)).toEqual(texts.map(key));
});

/** How many bytes a key has, of which kinds: few keys many times, ties behind ends, ties over several windows. */
const shapes: [title: string, mostBytes: number, kinds: number][] = [
  ["different in every byte", 20, 3],
  ["of few lengths, each many times", 3, 2],
  ["of one byte value, and many lengths", 40, 1],
];

test.each(shapes)("many keys, equal and %s, are sorted", (_title, mostBytes, kinds) => {
  const random = seededRandom(5);
  const list = Array.from({ length: 5000 }, (_, index) => ({
    key: Uint8Array.from({ length: random.uint32() % mostBytes }, () => (random.uint32() % kinds) * 127),
    sequence: index + 1,
    kind: entryKinds.value,
    value: Uint8Array.of(index, index >>> 8),
  }));
  expect(all(ReplayedMemtable.from(listOf(list)))).toEqual(expected(list));
});

describe("a list", () => {
  const entry = {
    sequence: 7,
    kind: entryKinds.value,
    key: new Uint8Array(5),
    value: new Uint8Array(10),
  } as const;
  const three = [entry, { ...entry, sequence: 8 }, { ...entry, sequence: 9 }];
  const sizeBytes = 3 * (18 + 20);

  test("refuses a frame that it has no room for, and stays as it was", () => {
    for (const [roomBytes, fits] of [
      [2 * sizeBytes, true],
      [2 * sizeBytes - 4, false],
    ] as const) {
      const list = new EntryList(roomBytes);
      expect([...framesOf([...three, ...three])].map((frame) => add(list, frame))).toEqual([true, fits]);
      expect(list.entryCount).toBe(fits ? 6 : 3);
      expect(list.usedBytes).toBe(list.entryCount * (sizeBytes / 3));
      expect(all(ReplayedMemtable.from(list))).toEqual([three[2]!]);
    }
  });

  test("takes only the entries that a frame gives out", () => {
    const [frame] = framesOf(three);
    frame!.startFrom(8);
    const list = new EntryList(sizeBytes);
    expect(add(list, frame!)).toBe(true);
    expect(list.entryCount).toBe(2);
    expect(all(ReplayedMemtable.from(list))).toEqual([three[2]!]);
  });
});

describe("a frame", () => {
  test.each([1, 3])("that announces %p entries and holds two is refused", (entryCount) => {
    const entry = { kind: entryKinds.value, key: new Uint8Array(5), value: new Uint8Array(10) };
    const [frame] = framesOf([
      { ...entry, sequence: 1 },
      { ...entry, sequence: 2 },
    ]);
    frame!.header.entryCount = entryCount;
    expect(() => {
      while (frame!.next());
    }).toThrow(`the frame does not hold the ${entryCount} entries that it announces`);
  });
});
