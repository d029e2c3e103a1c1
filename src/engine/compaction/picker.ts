/**
 * Chooses the next compaction: pure, from the tables' metadata to a plan.
 *
 * 1. Tables that range deletions cover whole are dropped before anything else.
 * 2. Levels are taken by their score, the highest first, as long as it is at least 1.
 * 3. In level 0 a job begins with the oldest free table and takes every table that shares keys with those it
 *    has; deeper down it takes one table, the next one after the level's cursor, so that all of a level takes
 *    its turn.
 * 4. To that come the tables of the level below that share keys.
 * 5. Where nothing is due by size, a table whose tombstones have all expired is due for their sake, and one that may
 *    hold what range deletions cover.
 *
 * Invariants:
 * 1. Two plans that share a level share no keys, so each can be applied as if it were alone.
 * 2. For every key, records in a level are newer than those in the levels below it: no table of level 0 stays
 *    behind when a newer one with one of its keys goes down.
 * 3. A table of level 0 that is due but held up by jobs below keeps new ones from starting there; it would
 *    otherwise wait as long as there is work.
 */
import { compareBytes } from "../../base/bytes.ts";
import type { FileNumber } from "../internal-key.ts";
import type { TableMetadata } from "../manifest/version-edit.ts";
import type { CompactionTrigger } from "../observer.ts";
import type { RangeDeletionSet } from "../range-deletion/range-deletion-set.ts";
import { type LevelPolicy, lastLevel, totalSizeBytes } from "./level-policy.ts";
import { type CompactionPlan, conflicts, hullOf, overlappingTables, overlaps, tablesOf } from "./plan.ts";

export interface PickerInput {
  /** Ordered as a `Version` is. */
  readonly levels: readonly (readonly TableMetadata[])[];
  readonly policy: LevelPolicy;
  /** By level: the largest key of the table that went down last. */
  readonly cursors: readonly (Uint8Array | undefined)[];
  /** What runs, or rests after a failure: nothing may conflict with it. */
  readonly busy: readonly CompactionPlan[];
  /** Tables of which every tombstone has expired. */
  readonly expired: ReadonlySet<FileNumber>;
  /** Those of the manifest. */
  readonly deletions: RangeDeletionSet;
}

/** `undefined`: nothing is due that could start now. */
export function pickCompaction(input: PickerInput): CompactionPlan | undefined {
  const drop = pickDrop(input);
  if (drop !== undefined) return drop;
  const busy = [...input.busy];
  for (const level of dueLevels(input)) {
    const candidates = level === 0 ? level0Plans(input, input.levels[0]!) : levelPlans(input, level);
    for (const plan of candidates) {
      if (!busy.some((other) => conflicts(plan, other))) return plan;
      if (level === 0) busy.push(plan);
    }
  }
  for (const plan of cleaningPlans(input)) if (!busy.some((other) => conflicts(plan, other))) return plan;
  return undefined;
}

/** The plan that takes these tables of a level one step down, with whatever has to go with them. */
export function planFor(
  input: PickerInput,
  level: number,
  tables: readonly TableMetadata[],
  trigger: CompactionTrigger,
): CompactionPlan {
  const inputs = level === 0 ? closure(input.levels[0]!, tables) : tables;
  const outputLevel = level + 1;
  const overlapping = overlappingTables(input.levels[outputLevel]!, hullOf(inputs));
  const kind = isMove(input, level, inputs, overlapping) ? "move" : "merge";
  return { kind, trigger, level, outputLevel, inputs, overlapping };
}

/** A table that is written anew where it is. */
export function planInPlace(level: number, table: TableMetadata, trigger: CompactionTrigger): CompactionPlan {
  return { kind: "merge", trigger, level, outputLevel: level, inputs: [table], overlapping: [] };
}

/** Drops, unread, the tables of one level that range deletions cover whole, but for those that a running job reads. */
function pickDrop({ levels, busy, deletions }: PickerInput): CompactionPlan | undefined {
  if (deletions.isEmpty) return undefined;
  const taken = new Set(busy.flatMap(tablesOf));
  for (const [level, tables] of levels.entries()) {
    const inputs = tables.filter((table) => deletions.coversTable(table) && !taken.has(table));
    if (inputs.length === 0) continue;
    return { kind: "drop", trigger: "range-deletion", level, outputLevel: level, inputs, overlapping: [] };
  }
  return undefined;
}

/** Levels with a score of at least 1, the highest score first, the upper level on a tie. */
function dueLevels(input: PickerInput): number[] {
  const { levels, policy } = input;
  const leaving = new Set(
    input.busy.flatMap(({ level, outputLevel, inputs }) => (level === outputLevel ? [] : inputs)),
  );
  return levels
    .slice(0, lastLevel)
    .map((tables, level) => ({
      level,
      score: policy.score(
        level,
        tables.filter((table) => !leaving.has(table)),
      ),
    }))
    .filter(({ score }) => score >= 1)
    .sort((a, b) => b.score - a.score || a.level - b.level)
    .map(({ level }) => level);
}

/** Plans for groups of tables of level 0 that share no keys with each other, the group of the oldest first. */
function* level0Plans(input: PickerInput, tables: readonly TableMetadata[]): Generator<CompactionPlan> {
  const planned = new Set<TableMetadata>();
  for (const table of tables.toReversed()) {
    if (planned.has(table)) continue;
    const plan = planFor(input, 0, [table], "size");
    for (const taken of plan.inputs) planned.add(taken);
    yield plan;
  }
}

/** A plan for each table of the level, beginning after the cursor. */
function* levelPlans(input: PickerInput, level: number): Generator<CompactionPlan> {
  const tables = input.levels[level]!;
  const cursor = input.cursors[level];
  const after =
    cursor === undefined ? 0 : tables.findIndex(({ smallestKey }) => compareBytes(smallestKey, cursor) > 0);
  const first = Math.max(0, after);
  for (const table of [...tables.slice(first), ...tables.slice(0, first)]) {
    yield planFor(input, level, [table], "size");
  }
}

/**
 * A table with expired tombstones goes down while anything lies under it; where nothing does, it is written anew
 * without them. What range deletions cover can be left out on any level.
 */
function* cleaningPlans(input: PickerInput): Generator<CompactionPlan> {
  for (const [level, tables] of input.levels.entries()) {
    for (const table of tables) {
      const isExpired = input.expired.has(table.fileNumber);
      if (!isExpired && !input.deletions.touchesTable(table)) continue;
      const trigger = isExpired ? "expiry" : "range-deletion";
      const mustGoDown =
        level === 0 ||
        (isExpired &&
          input.levels.slice(level + 1).some((below) => overlappingTables(below, table).length > 0));
      yield mustGoDown ? planFor(input, level, [table], trigger) : planInPlace(level, table, trigger);
    }
  }
}

/** All tables that share keys with these, or with one that does. */
function closure(tables: readonly TableMetadata[], first: readonly TableMetadata[]): TableMetadata[] {
  let taken = [...first];
  for (;;) {
    const range = hullOf(taken);
    const more = tables.filter((table) => overlaps(table, range));
    if (more.length === taken.length) return more;
    taken = more;
  }
}

/**
 * One table with nothing in its way goes down by its name alone, unless it would lie over too much, or tables are
 * compressed in another way down there: keys that come in order would never be.
 */
function isMove(
  { levels, policy, expired, deletions }: PickerInput,
  level: number,
  inputs: readonly TableMetadata[],
  overlapping: readonly TableMetadata[],
): boolean {
  const [table] = inputs;
  if (inputs.length !== 1 || table === undefined || overlapping.length > 0) return false;
  if (expired.has(table.fileNumber) || deletions.touchesTable(table)) return false;
  const outputLevel = level + 1;
  if (policy.compression(level) !== policy.compression(outputLevel)) return false;
  const below = levels[outputLevel + 1] ?? [];
  return totalSizeBytes(overlappingTables(below, table)) <= policy.mostOverlapBytes(outputLevel);
}
