/**
 * What a manifest says once its edits are applied: plain, immutable data without open files.
 *
 * Edits have one meaning, `applyEdit`, whoever applies them: the version set at work, a start that reads the
 * manifest, the tools. It throws `InvariantViolation` for an edit that does not fit; a reader of a file turns
 * that into corruption.
 */
import { compareBytes } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import type { FileNumber, SequenceNumber } from "../internal-key.ts";
import type { Damage } from "../observer.ts";
import { neededDeletions } from "../range-deletion/fragments.ts";
import { isBeforeEnd, type RangeDeletion } from "../range-deletion/range-deletion.ts";
import { levelCount, type TableMetadata, type VersionEdit } from "./version-edit.ts";

export interface ManifestState {
  /** Ordered as `Version` says; a table's `level` is its index here. */
  readonly levels: readonly (readonly TableMetadata[])[];
  /** Numbers at or above were never handed out when this was written. */
  readonly nextFileNumber: FileNumber;
  readonly oldestSegmentNumber: FileNumber;
  readonly flushedThroughSequence: SequenceNumber;
  readonly sequenceHighWater: SequenceNumber;
  /** Name to the first segment that the holder needs. */
  readonly holders: ReadonlyMap<string, FileNumber>;
  /** Not yet acknowledged. */
  readonly damage: readonly Damage[];
  /** In force, and needed: some table may hold what they cover. Ascending by sequence number. */
  readonly rangeDeletions: readonly RangeDeletion[];
  /** The node takes no writes: it is to be removed. */
  readonly isDraining: boolean;
}

/** What the first record of every manifest, a snapshot, is applied to. */
export const emptyState: ManifestState = {
  levels: Array.from({ length: levelCount }, () => []),
  nextFileNumber: 1,
  oldestSegmentNumber: 0,
  flushedThroughSequence: 0,
  sequenceHighWater: 0,
  holders: new Map(),
  damage: [],
  rangeDeletions: [],
  isDraining: false,
};

/** The state after the edit; the one before is untouched. */
export function applyEdit(state: ManifestState, edit: VersionEdit): ManifestState {
  const levels = editLevels(state, edit);
  return {
    nextFileNumber: raised(state, edit, "nextFileNumber"),
    oldestSegmentNumber: raised(state, edit, "oldestSegmentNumber"),
    flushedThroughSequence: raised(state, edit, "flushedThroughSequence"),
    sequenceHighWater: raised(state, edit, "sequenceHighWater"),
    levels,
    rangeDeletions: editRangeDeletions(state, edit, levels),
    holders: editHolders(state.holders, edit),
    damage: editDamage(state.damage, edit),
    isDraining: edit.isDraining ?? state.isDraining,
  };
}

/** The edit that leads from `emptyState` to `state`. */
export function snapshotEdit(state: ManifestState): VersionEdit {
  const { nextFileNumber, oldestSegmentNumber, flushedThroughSequence, sequenceHighWater } = state;
  const holders = [...state.holders].map(([name, segmentNumber]) => ({ name, segmentNumber }));
  return {
    nextFileNumber,
    oldestSegmentNumber,
    flushedThroughSequence,
    sequenceHighWater,
    addedTables: state.levels.flat(),
    addedRangeDeletions: state.rangeDeletions,
    holders,
    damage: state.damage,
    ...(state.isDraining && { isDraining: true }),
  };
}

/** The first segment that replay or a holder needs: older ones may go. */
export function firstNeededSegment(state: ManifestState): FileNumber {
  return Math.min(state.oldestSegmentNumber, ...state.holders.values());
}

type Counter = "nextFileNumber" | "oldestSegmentNumber" | "flushedThroughSequence" | "sequenceHighWater";

function raised(state: ManifestState, edit: VersionEdit, counter: Counter): number {
  const value = edit[counter] ?? state[counter];
  assert(value >= state[counter], `${counter} goes back from ${state[counter]} to ${value}`);
  return value;
}

function editHolders(
  holders: ReadonlyMap<string, FileNumber>,
  edit: VersionEdit,
): ReadonlyMap<string, FileNumber> {
  if (edit.holders === undefined && edit.droppedHolders === undefined) return holders;
  const edited = new Map(holders);
  for (const name of edit.droppedHolders ?? []) edited.delete(name);
  for (const { name, segmentNumber } of edit.holders ?? []) edited.set(name, segmentNumber);
  return edited;
}

function editDamage(damage: readonly Damage[], edit: VersionEdit): readonly Damage[] {
  const kept = edit.damageAcknowledged === true ? [] : damage;
  return edit.damage === undefined ? kept : [...kept, ...edit.damage];
}

/** A deletion leaves by itself, with the edit after which no table may hold anything that it covers. */
function editRangeDeletions(
  state: ManifestState,
  { addedRangeDeletions = [] }: VersionEdit,
  levels: ManifestState["levels"],
): readonly RangeDeletion[] {
  if (addedRangeDeletions.length === 0 && levels === state.levels) return state.rangeDeletions;
  for (const { start, end, sequence } of addedRangeDeletions)
    assert(isBeforeEnd(start, end), `range deletion ${sequence} has its bounds out of order`);
  const bySequence = new Map(
    [...state.rangeDeletions, ...addedRangeDeletions].map((deletion) => [deletion.sequence, deletion]),
  );
  const deletions = [...bySequence.values()].sort((a, b) => a.sequence - b.sequence);
  return neededDeletions(deletions, levels);
}

function editLevels(state: ManifestState, edit: VersionEdit): ManifestState["levels"] {
  const { removedTables = [], addedTables = [] } = edit;
  if (removedTables.length === 0 && addedTables.length === 0) return state.levels;
  const levels = state.levels.map((tables) => [...tables]);
  for (const { level, fileNumber } of removedTables) {
    const tables = levels[level] ?? [];
    const index = tables.findIndex((table) => table.fileNumber === fileNumber);
    assert(index >= 0, `table ${fileNumber} is removed from level ${level}, where it is not`);
    tables.splice(index, 1);
  }
  const numbers = new Set(levels.flat().map((table) => table.fileNumber));
  for (const table of addedTables) {
    assert(!numbers.has(table.fileNumber), `table ${table.fileNumber} is added twice`);
    checkTable(table);
    numbers.add(table.fileNumber);
    levels[table.level]!.push(table);
  }
  for (const [level, tables] of levels.entries()) arrangeLevel(level, tables);
  return levels;
}

function checkTable(table: TableMetadata): void {
  const name = `table ${table.fileNumber}`;
  assert(table.level < levelCount, `${name} is on level ${table.level}; the last is ${levelCount - 1}`);
  assert(table.entryCount > 0 && table.tombstoneCount <= table.entryCount, `${name} has wrong counts`);
  assert(compareBytes(table.smallestKey, table.largestKey) <= 0, `${name} has its keys out of order`);
  assert(table.smallestSequence <= table.largestSequence, `${name} has its sequence numbers out of order`);
}

/** Sorts a level as its readers need it, and checks that tables below level 0 share no key. */
function arrangeLevel(level: number, tables: TableMetadata[]): void {
  if (level === 0) {
    tables.sort((a, b) => b.largestSequence - a.largestSequence || b.fileNumber - a.fileNumber);
    return;
  }
  tables.sort((a, b) => compareBytes(a.smallestKey, b.smallestKey));
  for (const [index, table] of tables.entries()) {
    const before = tables[index - 1];
    assert(
      before === undefined || compareBytes(before.largestKey, table.smallestKey) < 0,
      `tables ${before?.fileNumber} and ${table.fileNumber} of level ${level} share keys`,
    );
  }
}
