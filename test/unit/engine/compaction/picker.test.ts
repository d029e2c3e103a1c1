/**
 * Scripts for the picker. A line `L1 7:c-f*8` is a table of level 1 with number 7, keys c to f and eight times the
 * size of a small table; `!` marks tombstones that have all expired. Level 0 is written from the oldest to the
 * newest table. `busy L1 7` has the plan for those tables running; `cursor L1 f` is where level 1 went down last.
 */
import { describe, expect, test } from "bun:test";
import { LevelPolicy } from "../../../../src/engine/compaction/level-policy.ts";
import { type PickerInput, pickCompaction, planFor } from "../../../../src/engine/compaction/picker.ts";
import { type CompactionPlan, conflicts } from "../../../../src/engine/compaction/plan.ts";
import { levelCount, type TableMetadata } from "../../../../src/engine/manifest/version-edit.ts";
import { engineOptions } from "../../../../src/engine/options.ts";
import { decodeEnd, type RangeDeletion } from "../../../../src/engine/range-deletion/range-deletion.ts";
import { RangeDeletionSet } from "../../../../src/engine/range-deletion/range-deletion-set.ts";

const tableBytes = 1024;

/** Four small tables fill level 1, eight level 2, 16 level 3; four tables of level 0 are due. */
const policy = new LevelPolicy(
  engineOptions("/data", {
    compaction: {
      l0TriggerCount: 4,
      l1TableSizeBytes: tableBytes,
      l2TableSizeBytes: tableBytes,
      tableSizeMultiplier: 1,
      levelCapacityMultiplier: 2,
      compression: ["none", "none", "none", "zstd"],
    },
  }).compaction,
);

function parseTable(text: string, level: number, sequence: number): TableMetadata {
  const [, number = "", first = "", last = "", size = "1"] =
    /^(\d+):(\w)-(\w)(?:\*(\d+))?!?$/.exec(text) ?? [];
  return {
    fileNumber: Number(number),
    level,
    sizeBytes: Number(size) * tableBytes,
    entryCount: 10,
    tombstoneCount: 1,
    smallestKey: Buffer.from(first),
    largestKey: Buffer.from(last),
    smallestSequence: 10 * sequence,
    largestSequence: 10 * sequence + 9,
    deletionsAppliedThrough: 0,
    uncompressedSizeBytes: Number(size) * tableBytes,
    createdAtMs: 0,
  };
}

function parse(script: string): PickerInput {
  const levels: TableMetadata[][] = Array.from({ length: levelCount }, () => []);
  const cursors: (Uint8Array | undefined)[] = new Array<undefined>(levelCount).fill(undefined);
  const expired = new Set<number>();
  const busy: CompactionPlan[] = [];
  const deletions: RangeDeletion[] = [];
  const input = { levels, policy, cursors, busy, expired, deletions: new RangeDeletionSet([]) };
  for (const line of script.trim().split("\n")) {
    const [head = "", second = "", ...rest] = line.trim().split(/\s+/);
    if (head === "deleted") deletions.push(parseDeletion(second));
    else if (head === "cursor") cursors[Number(second.slice(1))] = Buffer.from(rest[0] ?? "");
    else if (head === "busy") {
      const level = Number(second.slice(1));
      busy.push(
        planFor(
          input,
          level,
          levels[level]!.filter((table) => rest.includes(`${table.fileNumber}`)),
          "size",
        ),
      );
    } else {
      const level = Number(head.slice(1));
      const tables = [second, ...rest].map((text, index) => parseTable(text, level, index + 1));
      for (const [index, text] of [second, ...rest].entries()) {
        if (text.endsWith("!")) expired.add(tables[index]!.fileNumber);
      }
      levels[level] = level === 0 ? tables.reverse() : tables;
    }
  }
  return { ...input, deletions: new RangeDeletionSet(deletions) };
}

/** `c-f@25`: the keys from c up to f, with sequence numbers below 25. */
function parseDeletion(text: string): RangeDeletion {
  const [, start = "", end = "", sequence] = /^(\w*)-(\w*)@(\d+)$/.exec(text)!;
  return { start: Buffer.from(start), end: decodeEnd(Buffer.from(end)), sequence: Number(sequence) };
}

function describePlan(plan: CompactionPlan | undefined): string {
  if (plan === undefined) return "nothing";
  const numbers = (tables: readonly TableMetadata[]) => tables.map(({ fileNumber }) => fileNumber).join(" ");
  const { kind, level, outputLevel, inputs, overlapping } = plan;
  const with_ = overlapping.length === 0 ? "" : ` with ${numbers(overlapping)}`;
  return `${kind} L${level} ${numbers(inputs)} to L${outputLevel}${with_}`;
}

const scripts: Record<string, [script: string, expected: string]> = {
  "nothing is due": ["L0 1:a-z 2:a-z 3:a-z\nL1 4:a-f 5:g-m 6:n-s", "nothing"],
  "level 0 goes down whole with what it overlaps": [
    "L0 1:a-m 2:c-z 3:a-z 4:b-d\nL1 5:a-b 6:c-d",
    "merge L0 4 3 2 1 to L1 with 5 6",
  ],
  "level 0 takes no table of level 1 beside its keys": [
    "L0 1:a-c 2:a-c 3:b-c 4:a-b\nL1 5:a-b 6:d-f",
    "merge L0 4 3 2 1 to L1 with 5",
  ],
  "level 0 begins with the oldest table, and with those that share keys with it over others": [
    "L0 1:p-q 2:a-c 3:q-s 4:s-z\nL1 5:p-z",
    "merge L0 4 3 1 to L1 with 5",
  ],
  "no newer table of level 0 goes without the older one that shares its keys": [
    "L0 1:a-c 2:x-y 3:c-d 4:d-e\nL1 5:x-z",
    "merge L0 4 3 1 to L1",
  ],
  "a table alone in its keys moves": ["L0 1:a-c 2:d-f 3:g-i 4:j-l", "move L0 1 to L1"],
  "a table moves between those of the level below": ["L1 1:c-d*5\nL2 2:a-b 3:e-f", "move L1 1 to L2"],
  "a table does not move over too much of the level after": [
    "L1 1:a-z*5\nL3 2:a-m*6 3:n-z*6",
    "merge L1 1 to L2",
  ],
  "a table does not move to where tables are compressed in another way": [
    "L2 1:a-b*30\nL3 2:c-d",
    "merge L2 1 to L3",
  ],
  "a table moves to where tables are compressed in the same way": [
    "L3 1:a-b*30\nL4 2:c-d",
    "move L3 1 to L4",
  ],
  "a level past its capacity gives one table": [
    "L1 1:a-b*2 2:c-d*2 3:e-f*2\nL2 4:a-z",
    "merge L1 1 to L2 with 4",
  ],
  "the cursor goes round": ["L1 1:a-b*2 2:c-d*2 3:e-f*2\nL2 4:a-z\ncursor L1 b", "merge L1 2 to L2 with 4"],
  "the cursor comes back to the first table": [
    "L1 1:a-b*2 2:c-d*2 3:e-f*2\nL2 4:a-z\ncursor L1 f",
    "merge L1 1 to L2 with 4",
  ],
  "the fullest level comes first": ["L1 1:a-b*5\nL2 2:a-b*30 3:c-d\nL3 4:a-b", "merge L2 2 to L3 with 4"],
  "the upper of two equally full levels comes first": [
    "L0 1:a-b 2:a-b 3:a-b 4:a-b\nL1 5:a-b*4",
    "merge L0 4 3 2 1 to L1 with 5",
  ],
  "the last level is never due": ["L4 1:a-b*1000 2:c-d*1000", "nothing"],
  "a second job takes other keys": [
    "L1 1:a-b*4 2:c-d*4 3:e-f*4\nL2 4:a-d 5:e-f\nbusy L1 1",
    "merge L1 3 to L2 with 5",
  ],
  "tables that go down already do not count": ["L1 1:a-b*3 2:c-d*2\nL2 4:a-b 5:c-d\nbusy L1 1", "nothing"],
  "two levels apart, jobs do not hinder each other": [
    "L0 1:a-z 2:a-z 3:a-z 4:a-z\nL2 5:a-m*9 6:n-z\nL3 7:a-z\nbusy L2 5",
    "merge L0 4 3 2 1 to L1",
  ],
  "a job keeps the level above from its keys": ["L1 1:a-b*5\nL2 2:a-b 3:c-d\nL3 4:a-b\nbusy L2 2", "nothing"],
  "level 0 that waits for jobs below keeps new ones away": [
    "L0 1:a-z 2:a-z 3:a-z 4:a-z\nL1 5:a-b*3 6:c-d*2 7:e-f*2\nL2 8:a-b 9:c-d\nbusy L1 5",
    "nothing",
  ],
  "new tables of level 0 wait for the job on their keys": [
    "L0 1:a-z 2:a-z 3:b-c 4:b-c 5:b-c 6:b-c\nL1 7:a-z\nbusy L0 1 2",
    "nothing",
  ],
  "an expired table lies over others: it goes down": ["L1 1:a-b!\nL3 2:a-c", "merge L1 1 to L2"],
  "an expired table lies over nothing: it is written anew": ["L2 1:a-b! 2:c-d", "merge L2 1 to L2"],
  "an expired table of level 0 goes down": ["L0 1:a-b!", "merge L0 1 to L1"],
  "an expired table of the last level is written anew": ["L4 1:a-b!", "merge L4 1 to L4"],
  "a table that is deleted whole is dropped before anything else": [
    "L1 1:a-b*5 2:c-d\nL2 3:a-b\ndeleted c-e@30",
    "drop L1 2 to L1",
  ],
  "all tables of a level that are deleted whole go together": [
    "L2 1:a-b 2:c-d 3:e-f 4:x-z\ndeleted -g@50",
    "drop L2 1 2 3 to L2",
  ],
  "a table that ends where the range does is not deleted whole": [
    "L2 1:b-c\ndeleted b-c@50",
    "merge L2 1 to L2",
  ],
  "a table with something newer is not deleted whole": ["L2 1:b-c\ndeleted -@19", "merge L2 1 to L2"],
  "several deletions that adjoin cover a table": [
    "L2 1:a-f\ndeleted a-c@50\ndeleted c-g@70",
    "drop L2 1 to L2",
  ],
  "deletions that leave a gap do not cover a table": [
    "L2 1:a-f\ndeleted a-c@50\ndeleted d-g@70",
    "merge L2 1 to L2",
  ],
  "a table that a job reads is not dropped": ["L1 1:a-b\nL2 2:a-c\nbusy L1 1\ndeleted a-d@50", "nothing"],
  "a table of level 0 with something deleted goes down": ["L0 1:a-d\ndeleted b-c@50", "merge L0 1 to L1"],
  "a table newer than the deletion is left alone": ["L2 1:a-d\ndeleted b-c@10", "nothing"],
  "a table with something deleted does not move": [
    "L1 1:a-d*5\nL3 2:a-b\ndeleted b-c@19",
    "merge L1 1 to L2",
  ],
  "what is due by size comes before what is deleted in part": [
    "L1 1:a-b*5\nL2 2:a-d\ndeleted c-d@50",
    "merge L1 1 to L2 with 2",
  ],
  "what is due by size comes before what has expired": [
    "L1 1:a-b*5\nL2 2:a-b!\nL3 3:a-b",
    "merge L1 1 to L2 with 2",
  ],
};

describe("picker", () => {
  for (const [name, [script, expected]] of Object.entries(scripts)) {
    test(name, () => {
      expect(describePlan(pickCompaction(parse(script)))).toBe(expected);
    });
  }
});

describe("conflicts", () => {
  const input = parse("L0 1:a-c 2:x-z\nL1 3:b-d 4:m-n\nL2 5:c-e 6:f-h\nL3 7:a-z");
  const plan = (level: number, number: number) =>
    planFor(
      input,
      level,
      input.levels[level]!.filter(({ fileNumber }) => fileNumber === number),
      "size",
    );
  test.each<[string, CompactionPlan, CompactionPlan, boolean]>([
    ["a level and keys are shared", plan(0, 1), plan(1, 3), true],
    ["the other way round", plan(1, 3), plan(0, 1), true],
    ["the output level is the other's input level", plan(1, 3), plan(2, 5), true],
    ["no level is shared", plan(0, 1), plan(2, 5), false],
    ["no keys are shared", plan(1, 3), plan(1, 4), false],
    ["keys are shared by what lies below", plan(2, 5), plan(2, 6), true],
  ])("%s", (_, a, b, expected) => {
    expect(conflicts(a, b)).toBe(expected);
  });
});

describe("level policy", () => {
  const byDefault = new LevelPolicy(engineOptions("/data").compaction);
  const mebibyte = 1 << 20;

  test("tables of 128, 256, 512 and 1024 MiB", () => {
    expect([1, 2, 3, 4].map((level) => byDefault.tableSizeBytes(level) / mebibyte)).toEqual([
      128, 256, 512, 1024,
    ]);
  });

  test("levels of four tables, then ten times as much each; the last one without bound", () => {
    expect([1, 2, 3].map((level) => byDefault.capacityBytes(level) / mebibyte)).toEqual([512, 5120, 51_200]);
    expect(byDefault.capacityBytes(4)).toBe(Number.POSITIVE_INFINITY);
  });

  test("no table is meant to be larger than a map can hold", () => {
    const huge = engineOptions("/data", {
      compaction: { l2TableSizeBytes: 2 ** 40, l1TableSizeBytes: 2 ** 40 },
    });
    const { compaction } = huge;
    expect([1, 2, 3, 4].map((level) => new LevelPolicy(compaction).tableSizeBytes(level))).toEqual(
      new Array(4).fill(2 ** 31),
    );
  });
});
