/** Random operations against the sorted array, in several mixtures. */
import { describe, expect, test } from "bun:test";
import { type EntryKind, entryKinds } from "../../../../src/engine/internal-key.ts";
import { Memtable } from "../../../../src/engine/memtable/memtable.ts";
import { type Random, seededRandom } from "../../../../src/platform/random.ts";
import { drain, line, lookUp, MemtableModel, type ModelEntry, rewound, sought } from "./memtable-model.ts";

interface Mixture {
  readonly name: string;
  key(random: Random, step: number): Uint8Array;
  sequence(step: number, stepCount: number): number;
}

const ascendingSequence = (step: number): number => step + 1;

const mixtures: readonly Mixture[] = [
  {
    name: "short binary keys, many of them prefixes of others",
    key: (random) =>
      Uint8Array.from({ length: random.uint32() % 5 }, () => [0, 1, 0xff][random.uint32() % 3]!),
    sequence: ascendingSequence,
  },
  {
    name: "a long common prefix",
    key: (random) => Buffer.from(`tenant-1:user-000000000${String(random.uint32() % 500).padStart(4, "0")}`),
    sequence: ascendingSequence,
  },
  {
    name: "a few keys with many versions",
    key: (random) => Buffer.from(`key-${random.uint32() % 4}`),
    sequence: ascendingSequence,
  },
  {
    name: "ascending keys with a step back now and then",
    key: (random, step) => Buffer.from(String(step - (random.uint32() % 8 === 0 ? 5 : 0)).padStart(6, "0")),
    sequence: ascendingSequence,
  },
  {
    name: "sequence numbers in descending order, beyond 32 bits",
    key: (random) => Buffer.from(`key-${random.uint32() % 50}`),
    sequence: (step, stepCount) => 2 ** 32 + stepCount / 2 - step,
  },
];

function randomEntry(mixture: Mixture, random: Random, step: number, stepCount: number): ModelEntry {
  const kind: EntryKind = random.uint32() % 5 === 0 ? entryKinds.tombstone : entryKinds.value;
  const length = random.uint32() % 4 === 0 ? 0 : random.uint32() % 60;
  return {
    key: mixture.key(random, step),
    sequence: mixture.sequence(step, stepCount),
    kind,
    value: Uint8Array.from({ length }, () => random.uint32()),
  };
}

function checkAll(memtable: Memtable, model: MemtableModel, maxSequence: number, key: Uint8Array): void {
  expect(drain(rewound(memtable.cursor(maxSequence)))).toEqual(model.all(maxSequence).map(line));
  expect(drain(rewound(memtable.newestCursor(maxSequence)))).toEqual(model.newest(maxSequence).map(line));
  expect(drain(sought(memtable.cursor(maxSequence), key))).toEqual(model.all(maxSequence, key).map(line));
  expect(drain(sought(memtable.newestCursor(maxSequence), key))).toEqual(
    model.newest(maxSequence, key).map(line),
  );
}

describe.each(mixtures)("model test: $name", (mixture) => {
  test.each([1, 2, 3, 4])("seed %d", (seed) => {
    const stepCount = 600;
    const random = seededRandom(seed);
    const memtable = Memtable.create(256 * 1024, random);
    // The second round runs in the reused arena.
    for (let round = 0; round < 2; round++) {
      memtable.reset();
      const model = new MemtableModel();
      const sequences: number[] = [];
      for (let step = 0; step < stepCount; step++) {
        const entry = randomEntry(mixture, random, step, stepCount);
        expect(
          memtable.insert(
            entry.key,
            entry.key.length,
            entry.sequence,
            entry.kind,
            entry.value,
            entry.value.length,
          ),
        ).toBe(true);
        model.insert(entry);
        sequences.push(entry.sequence);
        const maxSequence = sequences[random.uint32() % sequences.length]! + (random.uint32() % 3) - 1;
        const sought = random.uint32() % 2 === 0 ? entry.key : mixture.key(random, step);
        const expected = model.find(sought, maxSequence);
        expect(lookUp(memtable, sought, maxSequence)).toBe(expected && line(expected));
        if (step % 100 === 99) checkAll(memtable, model, maxSequence, sought);
      }
      checkAll(memtable, model, Number.MAX_SAFE_INTEGER, mixture.key(random, stepCount));
      expect(memtable.entryCount).toBe(stepCount);
      expect(memtable.smallestSequence).toBe(Math.min(...sequences));
      expect(memtable.largestSequence).toBe(Math.max(...sequences));
    }
  });
});
