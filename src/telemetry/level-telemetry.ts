/** The levels of the tree as metrics, each a series of its own; asked for at each scrape. */
import type { TableReadCounters } from "../engine/statistics/read-statistics.ts";
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

  const countedByLevel = (name: string, help: string, figure: (reads: TableReadCounters) => number): void => {
    instruments.keptCounterByLabel(
      name,
      help,
      "level",
      () => new Map(status()?.levels.map(({ reads }, number) => [String(number), figure(reads)])),
    );
  };
  countedByLevel(
    "sstable_tables_asked_total",
    "Tables whose filter a look-up asked",
    (reads) => reads.bloomNegatives + reads.blockReads,
  );
  countedByLevel(
    "sstable_bloom_negatives_total",
    "Look-ups that a table's filter ended",
    (reads) => reads.bloomNegatives,
  );
  countedByLevel(
    "sstable_bloom_false_positives_total",
    "Look-ups that a table's filter let through for a key that was not there",
    (reads) => reads.bloomFalsePositives,
  );
  countedByLevel("sstable_block_reads_total", "Blocks that look-ups entered", (reads) => reads.blockReads);
  countedByLevel(
    "sstable_scan_block_reads_total",
    "Blocks that scans entered",
    (reads) => reads.scanBlockReads,
  );
}
