/** The last minutes of live figures, as columns that charts draw; of one length, and never longer than `maxPoints`. */
import type { WatchStatsResponse } from "../gen/pairdb/admin/v1/admin_pb.ts";

const maxPoints = 600;

type Figure = number | null;

/** By name: what a message of the node says of it. Null: nothing, and the chart has a gap. */
const figures = {
  reads: (stats) => rateOf(stats, isRead),
  writes: (stats) => rateOf(stats, isWrite),
  failures: (stats) => sum(stats, () => true, "failuresPerSecond"),
  readP50: (stats) => slowest(stats, isRead, "p50Seconds"),
  readP99: (stats) => slowest(stats, isRead, "p99Seconds"),
  writeP50: (stats) => slowest(stats, isWrite, "p50Seconds"),
  writeP99: (stats) => slowest(stats, isWrite, "p99Seconds"),
  memtable: (stats) => number(stats.memtables?.activeBytes),
  stalled: (stats) => rated(stats, stats.rates?.stalledShare),
  delayed: (stats) => rated(stats, stats.rates?.delayedShare),
  cacheHits: (stats) => stats.rates?.cacheHitRatio ?? null,
  flushed: (stats) => rated(stats, stats.rates?.flushedBytesPerSecond),
  compacted: (stats) => rated(stats, stats.rates?.compactedBytesPerSecond),
  logged: (stats) => rated(stats, stats.rates?.commitLogBytesPerSecond),
  diskUsed: (stats) =>
    number(stats.disk === undefined ? undefined : stats.disk.totalBytes - stats.disk.availableBytes),
  memory: (stats) => number(stats.process?.memoryBytes),
  mapped: (stats) => number(stats.process?.mappedResidentBytes),
  lag: (stats) => stats.process?.longestEventLoopLagSeconds ?? null,
} satisfies Record<string, (stats: WatchStatsResponse) => Figure>;

export type FigureName = keyof typeof figures;

const names = Object.keys(figures) as FigureName[];

export class StatsHistory {
  readonly #columns = new Map<FigureName | "time", Figure[]>([
    ["time", []],
    ...names.map((name): [FigureName, Figure[]] => [name, []]),
  ]);

  add(stats: WatchStatsResponse): void {
    this.#push("time", Number(stats.timeUnixMs) / 1000);
    for (const name of names) this.#push(name, figures[name](stats));
  }

  /** Unix seconds, increasing. */
  get times(): readonly number[] {
    return this.#columns.get("time") as number[];
  }

  column(name: FigureName): readonly Figure[] {
    return this.#columns.get(name) ?? [];
  }

  #push(name: FigureName | "time", value: Figure): void {
    const column = this.#columns.get(name) ?? [];
    if (column.length === maxPoints) column.shift();
    column.push(value);
  }
}

type Chosen = (method: string) => boolean;

const isRead: Chosen = (method) => /(Read|Scan|GetKeyRange)$/.test(method);
const isWrite: Chosen = (method) => /(Write|Delete|Repair)$/.test(method);

function number(value: bigint | undefined): Figure {
  return value === undefined ? null : Number(value);
}

/** The first message has no interval, so no rates. */
function rated(stats: WatchStatsResponse, value: number | undefined): Figure {
  return stats.intervalSeconds === 0 ? null : (value ?? null);
}

function rateOf(stats: WatchStatsResponse, isChosen: Chosen): Figure {
  return sum(stats, isChosen, "callsPerSecond");
}

function sum(
  stats: WatchStatsResponse,
  isChosen: Chosen,
  of: "callsPerSecond" | "failuresPerSecond",
): Figure {
  const chosen = stats.methods.filter(({ method }) => isChosen(method));
  return rated(
    stats,
    chosen.reduce((total, method) => total + method[of], 0),
  );
}

/** Percentiles of several methods cannot be added: the slowest method's. */
function slowest(stats: WatchStatsResponse, isChosen: Chosen, of: "p50Seconds" | "p99Seconds"): Figure {
  const values = stats.methods.filter(({ method }) => isChosen(method)).flatMap((method) => method[of] ?? []);
  return values.length === 0 ? null : Math.max(...values);
}
