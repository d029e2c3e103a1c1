/** The levels of the tree as metrics, each a series of its own; asked for at each scrape. */
import type { LevelWork } from "../engine/statistics/level-work.ts";
import type { EngineStatus, LevelStatus } from "../engine/status.ts";
import type { Instruments } from "./instruments.ts";

/** `status` gives undefined while no engine is open. */
export function registerLevels(instruments: Instruments, status: () => EngineStatus | undefined): void {
  const byLevel = (name: string, help: string, figure: (level: LevelStatus) => number): void => {
    instruments.gauge(
      name,
      help,
      (target) => {
        status()?.levels.forEach((level, number) => {
          target.set({ level: String(number) }, figure(level));
        });
      },
      ["level"],
    );
  };
  byLevel("sstable_count_by_level", "Tables of a level", (level) => level.tableCount);
  byLevel("sstable_size_bytes_by_level", "Bytes of a level's tables", (level) => level.sizeBytes);
  byLevel("sstable_entries_by_level", "Entries of a level's tables", (level) => level.entryCount);
  byLevel("sstable_tombstones_by_level", "Tombstones of a level's tables", (level) => level.tombstoneCount);
  registerReads(instruments, status);
  registerWork(instruments, status);
}

type Status = () => EngineStatus | undefined;

/** Counters that the engine keeps for each level. */
function countersByLevel(instruments: Instruments, status: Status) {
  return (name: string, help: string, figure: (level: LevelStatus) => number): void =>
    instruments.keptCounterByLabel(
      name,
      help,
      "level",
      () => new Map(status()?.levels.map((level, number) => [String(number), figure(level)])),
    );
}

function registerReads(instruments: Instruments, status: Status): void {
  const countedByLevel = countersByLevel(instruments, status);
  countedByLevel(
    "sstable_tables_asked_total",
    "Tables whose filter a look-up asked",
    ({ reads }) => reads.bloomNegatives + reads.blockReads,
  );
  countedByLevel(
    "sstable_bloom_negatives_total",
    "Look-ups that a table's filter ended",
    ({ reads }) => reads.bloomNegatives,
  );
  countedByLevel(
    "sstable_bloom_false_positives_total",
    "Look-ups that a table's filter let through for a key that was not there",
    ({ reads }) => reads.bloomFalsePositives,
  );
  countedByLevel(
    "sstable_block_reads_total",
    "Blocks that look-ups entered",
    ({ reads }) => reads.blockReads,
  );
  countedByLevel(
    "sstable_scan_block_reads_total",
    "Blocks that scans entered",
    ({ reads }) => reads.scanBlockReads,
  );
}

/** By the level that was written to; level 0 gets flushes. */
function registerWork(instruments: Instruments, status: Status): void {
  const countedByLevel = countersByLevel(instruments, status);
  const counted = (name: string, help: string, figure: (work: LevelWork) => number): void =>
    countedByLevel(`compaction_level_${name}_total`, help, ({ work }) => figure(work));
  counted("jobs", "Flushes and merges that wrote to a level", (work) => work.jobCount);
  counted("failures", "Flushes and compactions to a level that failed", (work) => work.failureCount);
  counted("moves", "Tables that came to a level by name alone", (work) => work.moveCount);
  counted("moved_bytes", "Bytes of tables that moved to a level", (work) => work.movedBytes);
  counted("incoming_bytes", "Bytes merged in from above, or flushed", (work) => work.incomingBytes);
  counted("reread_bytes", "Bytes of a level's own tables that merges read", (work) => work.rereadBytes);
  counted("written_bytes", "Bytes of tables written to a level", (work) => work.writtenBytes);
  counted("written_tables", "Tables written to a level", (work) => work.writtenTableCount);
  counted("read_entries", "Entries that jobs of a level read", (work) => work.readEntryCount);
  counted("written_entries", "Entries that jobs of a level wrote", (work) => work.writtenEntryCount);
  counted("seconds", "Time of flushes and merges to a level", (work) => work.durationMs / 1000);
}
