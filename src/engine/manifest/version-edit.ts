/**
 * A `VersionEdit`: one step from one version of the store to the next, as it is appended to the manifest.
 * Everything in one edit becomes true together, or not at all.
 */
import type { FileNumber, SequenceNumber } from "../internal-key.ts";
import type { Damage } from "../observer.ts";
import type { RangeDeletion } from "../range-deletion/range-deletion.ts";
import type { TableSummary } from "../sstable/writer.ts";

/** Levels 0 to 4; tables of level 0 may overlap, those of a lower level are disjoint. */
export const levelCount = 5;

export interface TableMetadata extends TableSummary {
  readonly fileNumber: FileNumber;
  readonly level: number;
  /** Range deletions up to this number were applied when it was written: it holds nothing that they cover. */
  readonly deletionsAppliedThrough: SequenceNumber;
}

export interface RemovedTable {
  readonly level: number;
  readonly fileNumber: FileNumber;
}

/** Somebody who still needs the commit log from a segment on. */
export interface HolderPosition {
  readonly name: string;
  /** This segment and all later ones are kept. */
  readonly segmentNumber: FileNumber;
}

/** A field left out changes nothing. A table in both lists with the same number moves between levels. */
export interface VersionEdit {
  readonly removedTables?: readonly RemovedTable[];
  readonly addedTables?: readonly TableMetadata[];
  /** Numbers at or above were never handed out. Set by the version set itself. */
  readonly nextFileNumber?: FileNumber;
  /** One that no table needs does not stay (`neededDeletions`). */
  readonly addedRangeDeletions?: readonly RangeDeletion[];
  /** Replay starts at the first segment with this number or a higher one. */
  readonly oldestSegmentNumber?: FileNumber;
  /** Entries with this number or a lower one are in tables: replay skips them. */
  readonly flushedThroughSequence?: SequenceNumber;
  /** Numbers at or below may have been handed out. */
  readonly sequenceHighWater?: SequenceNumber;
  /** Sets or moves a holder. */
  readonly holders?: readonly HolderPosition[];
  /** Names of holders that are gone; an unknown one is ignored. */
  readonly droppedHolders?: readonly string[];
  /** Forgets the damage listed so far, before `damage` is added. */
  readonly damageAcknowledged?: boolean;
  readonly damage?: readonly Damage[];
  /** Whether the node takes no more writes, until an edit says otherwise. */
  readonly isDraining?: boolean;
}
