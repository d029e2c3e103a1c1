/** What `top` shows: a screen of a node's figures, or one line of them. Nothing here knows of terminals. */
import type { Level, StreamInfo, WatchStatsResponse } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { escapeText } from "../records/tsv.ts";
import { bytesText, durationText } from "../units.ts";

export interface TopFigures {
  readonly nodeId: string;
  readonly stats: WatchStatsResponse;
  readonly levels: readonly Level[];
  readonly streams: readonly StreamInfo[];
}

/** Rows of a screen, none wider and not more than it has room for. */
export function screenOf(figures: TopFigures, columns: number, rows: number): string[] {
  const { stats, levels, streams } = figures;
  const lines = [
    ...headLines(figures),
    "",
    tableRow(["CALLS", "per second", "failed", "p50", "p99", "p99.9"]),
    ...stats.methods.map((method) =>
      tableRow([
        method.method,
        rateText(method.callsPerSecond),
        rateText(method.failuresPerSecond),
        latencyText(method.p50Seconds),
        latencyText(method.p99Seconds),
        latencyText(method.p999Seconds),
      ]),
    ),
    "",
    tableRow(["LEVEL", "tables", "size", "entries", "written", "amplified"]),
    ...levels.map((level) =>
      tableRow([
        `L${level.level}`,
        String(level.tableCount),
        bytesText(level.sizeBytes),
        String(level.entryCount),
        bytesText(level.writtenBytesSinceStart),
        level.writeAmplification?.toFixed(1) ?? "-",
      ]),
    ),
    ...(streams.length === 0 ? [] : ["", ...streams.map(streamLine)]),
  ];
  return lines.slice(0, rows).map((line) => line.slice(0, columns));
}

/** One line, for what is no terminal. */
export function lineOf({ stats }: TopFigures): string {
  const calls = stats.methods.reduce((sum, method) => sum + method.callsPerSecond, 0);
  const slowest = Math.max(0, ...stats.methods.map((method) => method.p99Seconds ?? 0));
  const parts = [
    new Date(Number(stats.timeUnixMs)).toISOString(),
    stats.health?.status ?? "unknown",
    `${rateText(calls)} calls/s`,
    `p99 ${latencyText(slowest)}`,
    cacheText(stats),
    compactionText(stats),
    `L0 ${stats.level0TableCount}`,
  ];
  return parts.join("  ");
}

function headLines({ nodeId, stats }: TopFigures): string[] {
  const { health, process, disk, memtables, commitLog, rates } = stats;
  const reasons = [...(health?.reasons ?? []), ...(health?.notReadyReasons ?? [])];
  const rate = (bytesPerSecond = 0) => `${bytesText(BigInt(Math.round(bytesPerSecond)))}/s`;
  return [
    `${escapeText(nodeId)}  ${[health?.status ?? "unknown", ...reasons].join("; ")}`,
    `memory ${bytesText(process?.memoryBytes ?? 0n)} of ${bytesText(process?.memoryLimitBytes ?? 0n)}` +
      `  disk ${bytesText(disk?.availableBytes ?? 0n)} free, ${disk?.state ?? "unknown"}` +
      `  event loop ${latencyText(process?.longestEventLoopLagSeconds ?? 0)} late`,
    `memtable ${bytesText(memtables?.activeBytes ?? 0n)} of ${bytesText(memtables?.maxBytes ?? 0n)}, ` +
      `${memtables?.frozenCount ?? 0} to flush  log ${bytesText(commitLog?.sizeBytes ?? 0n)}, ` +
      `${rate(rates?.commitLogBytesPerSecond)}, ${rateText(rates?.syncsPerSecond ?? 0)} syncs/s`,
    `${cacheText(stats)}  ${compactionText(stats)}, flushes ${rate(rates?.flushedBytesPerSecond)}, ` +
      `compactions ${rate(rates?.compactedBytesPerSecond)}  ` +
      `writers stalled ${percentText(rates?.stalledShare ?? 0)}, slowed ${percentText(rates?.delayedShare ?? 0)}`,
  ];
}

function cacheText({ cache, rates }: WatchStatsResponse): string {
  const hits = rates?.cacheHitRatio === undefined ? "" : `, ${percentText(rates.cacheHitRatio)} hits`;
  return `cache ${bytesText(cache?.sizeBytes ?? 0n)} of ${bytesText(cache?.budgetBytes ?? 0n)}${hits}`;
}

function compactionText({ compaction }: WatchStatsResponse): string {
  const failure = compaction?.failure ? `, ${compaction.failure}` : "";
  return `compacting ${compaction?.runningCount ?? 0}${compaction?.isPaused ? ", paused" : ""}${failure}`;
}

function streamLine({ targetNodeId, state, keysCopied, lagSeconds }: StreamInfo): string {
  const behind = durationText(lagSeconds);
  return `stream to ${escapeText(targetNodeId)}: ${state}, ${keysCopied} keys copied, ${behind} behind`;
}

const columnWidth = 12;

function tableRow([name = "", ...values]: readonly string[]): string {
  return name.padEnd(20) + values.map((value) => value.padStart(columnWidth)).join("");
}

function rateText(perSecond: number): string {
  return perSecond >= 10 || perSecond === 0 ? String(Math.round(perSecond)) : perSecond.toFixed(1);
}

function percentText(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function latencyText(seconds: number | undefined): string {
  if (seconds === undefined) return "-";
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  return seconds >= 0.01 ? `${Math.round(seconds * 1000)} ms` : `${(seconds * 1000).toFixed(2)} ms`;
}
