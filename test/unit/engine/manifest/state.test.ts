import { describe, expect, test } from "bun:test";
import { InvariantViolation } from "../../../../src/base/errors.ts";
import {
  applyEdit,
  emptyState,
  firstNeededSegment,
  type ManifestState,
  snapshotEdit,
} from "../../../../src/engine/manifest/state.ts";
import type { VersionEdit } from "../../../../src/engine/manifest/version-edit.ts";
import { fullEdit, key, tableMetadata } from "./manifest-support.ts";

const after = (...edits: VersionEdit[]): ManifestState => edits.reduce(applyEdit, emptyState);

const numbers = (state: ManifestState) =>
  state.levels.map((tables) => tables.map((table) => table.fileNumber));

const keys = (from: string, to: string) => ({ smallestKey: key(from), largestKey: key(to) });

describe("counters", () => {
  test("go up and keep their value where an edit leaves them out", () => {
    const state = after(
      { nextFileNumber: 5, sequenceHighWater: 9 },
      { nextFileNumber: 5, oldestSegmentNumber: 3 },
    );
    expect(state).toMatchObject({ nextFileNumber: 5, sequenceHighWater: 9, oldestSegmentNumber: 3 });
  });

  for (const counter of [
    "nextFileNumber",
    "oldestSegmentNumber",
    "flushedThroughSequence",
    "sequenceHighWater",
  ] as const) {
    test(`${counter} never goes back`, () => {
      expect(() => after({ [counter]: 5 }, { [counter]: 4 })).toThrow(`${counter} goes back from 5 to 4`);
    });
  }
});

describe("tables", () => {
  test("of level 0 stand newest sequence number first, those below by key", () => {
    const state = after({
      addedTables: [
        tableMetadata(1, { largestSequence: 50 }),
        tableMetadata(2, { largestSequence: 90 }),
        tableMetadata(3, { largestSequence: 70 }),
        tableMetadata(4, { level: 1, ...keys("m", "p") }),
        tableMetadata(5, { level: 1, ...keys("a", "c") }),
      ],
    });
    expect(numbers(state)).toEqual([[2, 3, 1], [5, 4], [], [], []]);
  });

  test("are added, removed and moved; the state before is untouched", () => {
    const before = after({ addedTables: [tableMetadata(1), tableMetadata(2)] });
    const state = applyEdit(before, {
      removedTables: [{ level: 0, fileNumber: 1 }],
      addedTables: [tableMetadata(1, { level: 2 }), tableMetadata(3)],
    });
    expect(numbers(state)).toEqual([[3, 2], [], [1], [], []]);
    expect(numbers(before)).toEqual([[2, 1], [], [], [], []]);
  });

  const refused: [string, VersionEdit, string][] = [
    ["removing what is not there", { removedTables: [{ level: 0, fileNumber: 9 }] }, "removed from level 0"],
    ["removing from another level", { removedTables: [{ level: 1, fileNumber: 1 }] }, "removed from level 1"],
    ["removing from no level", { removedTables: [{ level: 7, fileNumber: 1 }] }, "removed from level 7"],
    ["adding a number twice", { addedTables: [tableMetadata(1, { level: 2 })] }, "added twice"],
    ["a level too deep", { addedTables: [tableMetadata(3, { level: 5 })] }, "the last is 4"],
    ["keys out of order", { addedTables: [tableMetadata(3, keys("b", "a"))] }, "keys out of order"],
    ["no entries", { addedTables: [tableMetadata(3, { entryCount: 0 })] }, "wrong counts"],
    ["too many tombstones", { addedTables: [tableMetadata(3, { tombstoneCount: 4 })] }, "wrong counts"],
    [
      "sequence numbers out of order",
      { addedTables: [tableMetadata(3, { smallestSequence: 2, largestSequence: 1 })] },
      "sequence numbers out of order",
    ],
    [
      "a shared key below level 0",
      {
        addedTables: [
          tableMetadata(3, { level: 3, ...keys("a", "c") }),
          tableMetadata(4, { level: 3, ...keys("c", "d") }),
        ],
      },
      "tables 3 and 4 of level 3 share keys",
    ],
  ];
  for (const [what, edit, message] of refused) {
    test(`${what} breaks an invariant`, () => {
      const state = after({ addedTables: [tableMetadata(1)] });
      expect(() => applyEdit(state, edit)).toThrow(InvariantViolation);
      expect(() => applyEdit(state, edit)).toThrow(message);
    });
  }
});

describe("holders and damage", () => {
  test("holders are set, moved and dropped", () => {
    const state = after(
      {
        holders: [
          { name: "a", segmentNumber: 3 },
          { name: "b", segmentNumber: 4 },
        ],
      },
      { holders: [{ name: "a", segmentNumber: 6 }], droppedHolders: ["b", "nobody"] },
    );
    expect([...state.holders]).toEqual([["a", 6]]);
  });

  test("the first needed segment is the replay's or the furthest holder's", () => {
    expect(firstNeededSegment(after({ oldestSegmentNumber: 8 }))).toBe(8);
    expect(
      firstNeededSegment(after({ oldestSegmentNumber: 8, holders: [{ name: "a", segmentNumber: 5 }] })),
    ).toBe(5);
  });

  test("damage gathers until it is acknowledged", () => {
    const [first] = fullEdit().damage!;
    const second = { ...first!, offset: 1 };
    expect(after({ damage: [first!] }, { damage: [second] }).damage).toEqual([first!, second]);
    expect(after({ damage: [first!] }, { damageAcknowledged: true }).damage).toEqual([]);
    expect(after({ damage: [first!] }, { damageAcknowledged: true, damage: [second] }).damage).toEqual([
      second,
    ]);
  });
});

test("a snapshot leads from nothing to the same state", () => {
  const { removedTables: _, ...edit } = fullEdit();
  const state = after(edit, { addedTables: [tableMetadata(40, { level: 1 })] });
  expect(applyEdit(emptyState, snapshotEdit(state))).toEqual(state);
});
