/** The engine's gauges, and the counters that it keeps itself; asked for at each scrape. */
import type { EngineStatus } from "../engine/status.ts";
import type { Instruments } from "./instruments.ts";
import { registerLevels } from "./level-telemetry.ts";

type Register = (name: string, help: string, figure: (status: EngineStatus) => number) => void;

/** `status` gives undefined while no engine is open; the gauges then keep silent. */
export function registerEngineGauges(instruments: Instruments, status: () => EngineStatus | undefined): void {
  const gauge: Register = (name, help, figure) => {
    instruments.gauge(name, help, (target) => {
      const current = status();
      if (current !== undefined) target.set(figure(current));
    });
  };
  const counter: Register = (name, help, figure) => {
    instruments.keptCounter(name, help, () => {
      const current = status();
      return current === undefined ? undefined : figure(current);
    });
  };
  gauge("memtable_size_bytes", "Bytes in the active memtable", (s) => s.activeMemtableBytes);
  gauge("memtable_entries_total", "Entries in the active memtable", (s) => s.activeMemtableEntryCount);
  gauge("memtable_frozen", "Memtables that wait for their flush", (s) => s.frozenMemtableCount);
  gauge("memtable_pinned_bytes", "Bytes of flushed memtables that scans keep", (s) => s.pinnedMemtableBytes);
  gauge("sstable_obsolete_bytes", "Bytes of replaced tables that scans keep", (s) => s.obsoleteTableBytes);
  gauge("sstable_open", "Tables that are mapped", (s) => s.openTableCount);
  counter(
    "sstable_cold_reads_total",
    "Reads that waited for the disk, off the main thread",
    (s) => s.residency.coldReadCount,
  );
  counter(
    "sstable_cold_read_bytes_total",
    "Bytes that were read ahead of reads",
    (s) => s.residency.broughtInBytes,
  );
  counter(
    "sstable_main_thread_faults_total",
    "Times that the main thread itself waited for the disk",
    (s) => s.residency.mainThreadFaultCount,
  );
  gauge("compaction_running", "Compactions that run", (s) => s.runningCompactionCount);
  gauge(
    "compaction_debt_bytes",
    "Bytes that compactions have to take down until no level is over its measure",
    (s) => s.compactionDebtBytes,
  );
  gauge("compaction_paused", "1 while compaction is paused", (s) => Number(s.isCompactionPaused));
  gauge("storage_draining", "1 while the node takes no writes, since it is to be removed", (s) =>
    Number(s.isDraining),
  );
  counter("storage_user_bytes_total", "Bytes of keys and values stored", (s) => s.work.userBytes);
  gauge(
    "storage_write_amplification",
    "Bytes of tables written for each byte stored, since the start",
    (s) => s.work.writeAmplification ?? 0,
  );
  counter("commitlog_written_bytes_total", "Bytes appended to the log", (s) => s.work.commitLogBytes);
  counter("storage_gets_total", "Look-ups in the engine", (s) => s.reads.getCount);
  counter("sstable_reads_total", "Look-ups that went to the tables", (s) => s.reads.tableLookupCount);
  gauge(
    "commitlog_waiting_entries",
    "Entries that wait for the commit log to be written and synced",
    (s) => s.lastSequence - s.durableSequence,
  );
  gauge("range_deletions_active", "Deleted ranges not yet worked off", (s) => s.rangeDeletionCount);
  gauge("commitlog_segments_total", "Segments of the commit log", (s) => s.segmentCount);
  gauge("commitlog_size_bytes", "Bytes of the commit log", (s) => s.commitLogBytes);
  gauge("views_open", "Open scans and snapshots", (s) => s.viewCount);
  gauge("views_oldest_age_seconds", "Age of the oldest open scan", (s) => s.oldestViewAgeMs / 1000);
  gauge("storage_last_sequence", "Number of the newest entry", (s) => s.lastSequence);
  gauge("storage_durable_sequence", "Number of the newest durable entry", (s) => s.durableSequence);
  gauge("storage_damage", "Losses that no operator has acknowledged", (s) => s.damage.length);
  registerCaches(gauge, counter);
  registerLevels(instruments, status);
}

function registerCaches(gauge: Register, counter: Register): void {
  counter("cache_hits_total", "Look-ups that the cache answered", (s) => s.cache.hits);
  counter("cache_misses_total", "Look-ups that went on to the tables", (s) => s.cache.misses);
  counter("cache_evictions_total", "Entries that made room for others", (s) => s.cache.evictions);
  counter("cache_insertions_total", "Entries stored in the cache", (s) => s.cache.insertions);
  counter("cache_admissions_total", "Entries that took the place of another", (s) => s.cache.admissions);
  counter(
    "cache_rejections_total",
    "Entries that were asked for too seldom to take the place of another",
    (s) => s.cache.rejections,
  );
  gauge("cache_budget_bytes", "Memory that the cache may take now", (s) => s.cache.budgetBytes);
  gauge("cache_size_bytes", "Memory that the cache takes", (s) => s.cache.sizeBytes);
  gauge("cache_entries_total", "Entries in the cache", (s) => s.cache.entryCount);
  counter("block_cache_hits_total", "Look-ups that found their block decompressed", (s) => s.blockCache.hits);
  counter("block_cache_misses_total", "Look-ups that decompressed a block", (s) => s.blockCache.misses);
  counter(
    "block_cache_evictions_total",
    "Decompressed blocks that made room for others, or gave memory back",
    (s) => s.blockCache.evictions,
  );
  gauge("block_cache_size_bytes", "Memory that decompressed blocks take", (s) => s.blockCache.sizeBytes);
  gauge(
    "block_cache_budget_bytes",
    "Memory that decompressed blocks may take now",
    (s) => s.blockCache.budgetBytes,
  );
}
