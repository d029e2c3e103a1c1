/**
 * What health takes a look at, now and then:
 *
 *   data_directory     a file is written and synced in each directory of the store     unhealthy
 *   memory             memory that is no page of a file, against the limit; stalls      degraded
 *   file_descriptors   open ones against the limit                                      degraded
 *   event_loop         the main thread's delay                                          degraded
 *   commit_log_sync    how long syncs take; entries that wait for one                   degraded
 *   compaction         failures, debt, tables of level 0                                degraded
 *   corruption         corrupt blocks and records since the start                       degraded
 *   gossip             no other member is left                                          degraded
 *
 * Load makes a node degraded at most, so it takes no node out of service: the others would get its load too.
 */
import type { EngineStatus } from "../../engine/status.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import type { MemoryStatus } from "../../platform/memory-status.ts";
import type { ProcessStatus } from "../../platform/process-status.ts";
import type { Finding, HealthCheck } from "./health-checker.ts";
import { probeWriting } from "./write-probe.ts";

/** Times are milliseconds, sizes bytes, shares 0 to 1. */
export interface HealthSettings {
  readonly intervalMs: number;
  /** Of the one check that writes. */
  readonly writeIntervalMs: number;
  readonly maxMemoryShare: number;
  readonly maxFileDescriptorShare: number;
  readonly maxEventLoopLagMs: number;
  /** On average between two looks. */
  readonly maxSyncMs: number;
  readonly maxCompactionDebtBytes: number;
  readonly maxLevel0TableCount: number;
  /** How long no other member may be there. */
  readonly isolatedAfterMs: number;
}

/** Other members of the ring. */
export interface OtherMembers {
  readonly aliveCount: number;
  /** Suspect or failed. */
  readonly lostCount: number;
  /** Seeds are named that do not answer, so that there may be others. */
  readonly hasSilentSeeds: boolean;
}

export interface HealthSources {
  readonly clock: Clock;
  readonly files: FileSystem;
  /** Those of the store, each once. */
  readonly directories: readonly string[];
  readonly memoryStatus: () => MemoryStatus | undefined;
  readonly processStatus: () => ProcessStatus;
  /** The longest delay of the main thread in about this time up to now. */
  readonly longestLagMs: (withinMs: number) => number;
  readonly engineStatus: () => EngineStatus;
  readonly corruptionCount: () => number;
  /** Undefined without gossip. */
  readonly otherMembers: () => OtherMembers | undefined;
}

/** Share of ten seconds in which everybody waited for memory. */
const maxStalledShare = 0.25;

export function nodeChecks(sources: HealthSources, settings: HealthSettings): HealthCheck[] {
  const { intervalMs } = settings;
  const looks: Record<string, () => Finding> = {
    memory: () => memoryFinding(sources.memoryStatus(), settings),
    file_descriptors: () => fileDescriptorFinding(sources.processStatus(), settings),
    event_loop: () => eventLoopFinding(sources.longestLagMs(intervalMs), settings),
    commit_log_sync: syncLook(sources, settings),
    compaction: () => compactionFinding(sources.engineStatus(), settings),
    corruption: () => corruptionFinding(sources.corruptionCount()),
    gossip: isolationLook(sources, settings),
  };
  return [
    {
      name: "data_directory",
      intervalMs: settings.writeIntervalMs,
      look: () => directoriesFinding(sources),
    },
    ...Object.entries(looks).map(([name, look]) => ({ name, intervalMs, look })),
  ];
}

function degraded(reason: string): Finding {
  return { status: "degraded", reason };
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** The first directory that cannot be written to. */
async function directoriesFinding({ files, directories }: HealthSources): Promise<Finding> {
  for (const directory of directories) {
    const finding = await probeWriting(files, directory);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

function memoryFinding(status: MemoryStatus | undefined, { maxMemoryShare }: HealthSettings): Finding {
  if (status === undefined) return undefined;
  const share = status.usedBytes / status.limitBytes;
  if (share > maxMemoryShare) {
    return degraded(`memory is short: ${percent(share)} of ${status.limitBytes} bytes are in use`);
  }
  const { stalledShare = 0 } = status;
  if (stalledShare <= maxStalledShare) return undefined;
  return degraded(`memory is short: everybody waits for it ${percent(stalledShare)} of the time`);
}

function fileDescriptorFinding(
  { openFileCount, openFileLimit }: ProcessStatus,
  { maxFileDescriptorShare }: HealthSettings,
): Finding {
  if (openFileLimit === 0 || openFileCount / openFileLimit <= maxFileDescriptorShare) return undefined;
  return degraded(`file descriptors run out: ${openFileCount} of ${openFileLimit} are open`);
}

function eventLoopFinding(lagMs: number, { maxEventLoopLagMs }: HealthSettings): Finding {
  if (lagMs <= maxEventLoopLagMs) return undefined;
  return degraded(`the main thread was ${Math.round(lagMs)} ms late`);
}

/** What is new since the last look; entries that no sync has reached meanwhile count as one that goes on. */
function syncLook({ clock, engineStatus }: HealthSources, { maxSyncMs }: HealthSettings): () => Finding {
  let before = { count: 0, sumMs: 0 };
  let waiting = { durableSequence: -1, sinceMs: 0 };
  return () => {
    const { lastSequence, durableSequence, work } = engineStatus();
    const nowMs = clock.monotonicMs();
    if (lastSequence === durableSequence || durableSequence !== waiting.durableSequence) {
      waiting = { durableSequence, sinceMs: nowMs };
    }
    const { count, sumMs } = work.syncDurations;
    const averageMs = count === before.count ? 0 : (sumMs - before.sumMs) / (count - before.count);
    before = { count, sumMs };
    const waitedMs = nowMs - waiting.sinceMs;
    if (waitedMs > maxSyncMs) {
      return degraded(`entries have waited ${Math.round(waitedMs)} ms for a sync of the commit log`);
    }
    if (averageMs <= maxSyncMs) return undefined;
    return degraded(`a sync of the commit log takes ${Math.round(averageMs)} ms`);
  };
}

function compactionFinding(status: EngineStatus, settings: HealthSettings): Finding {
  const { compactionFailure, compactionDebtBytes, isCompactionPaused, levels } = status;
  if (compactionFailure !== undefined) return degraded(`compactions fail: ${compactionFailure}`);
  const state = isCompactionPaused ? "compaction is paused" : "compactions are behind";
  if (compactionDebtBytes > settings.maxCompactionDebtBytes) {
    return degraded(`${state}: ${compactionDebtBytes} bytes have to go down`);
  }
  const level0Count = levels[0]?.tableCount ?? 0;
  if (level0Count < settings.maxLevel0TableCount) return undefined;
  return degraded(`${state}: level 0 has ${level0Count} tables`);
}

function corruptionFinding(count: number): Finding {
  if (count === 0) return undefined;
  return degraded(
    `corruption was found ${count} times since the start: see the log, and verify a checkpoint`,
  );
}

/** Members that said goodbye are missed by nobody, but where they are seeds. */
function isolationLook(
  { clock, otherMembers }: HealthSources,
  { isolatedAfterMs }: HealthSettings,
): () => Finding {
  let aloneSinceMs: number | undefined;
  let hasLostOthers = false;
  return () => {
    const others = otherMembers();
    if (others === undefined || others.aliveCount > 0) {
      aloneSinceMs = undefined;
      hasLostOthers = false;
      return undefined;
    }
    hasLostOthers ||= others.lostCount > 0;
    const nowMs = clock.monotonicMs();
    aloneSinceMs ??= nowMs;
    const isMissingSome = others.hasSilentSeeds || hasLostOthers;
    if (!isMissingSome || nowMs - aloneSinceMs < isolatedAfterMs) return undefined;
    return degraded("the node is alone in its ring: no other member answers");
  };
}
