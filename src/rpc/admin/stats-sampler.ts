/** Live figures: the node's state with what happened since the sample before. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  MethodRatesSchema,
  RatesSchema,
  WatchStatsResponseSchema,
} from "../../gen/pairdb/admin/v1/admin_pb.ts";
import type { Administration, EngineStatus } from "../../node/administration/administration.ts";
import type { Clock } from "../../platform/clock.ts";
import { commonFigures, wide } from "./figures.ts";
import { percentile } from "./percentile.ts";
import type { AdminSources, CallCounts } from "./sources.ts";

/** What is counted since the start, at one moment. */
interface Counts {
  readonly takenAtMs: number;
  readonly calls: readonly CallCounts[];
  readonly status: EngineStatus;
}

export class StatsSampler {
  readonly #clock: Clock;
  readonly #sources: AdminSources;
  readonly #administration: Administration;
  #before: Counts | undefined;

  constructor(clock: Clock, sources: AdminSources, administration: Administration) {
    this.#clock = clock;
    this.#sources = sources;
    this.#administration = administration;
  }

  /** The first one has no rates. */
  sample(): MessageInitShape<typeof WatchStatsResponseSchema> {
    const takenAtMs = this.#clock.monotonicMs();
    const status = this.#administration.status();
    const now = { takenAtMs, calls: this.#sources.calls(), status };
    const before = this.#before;
    this.#before = now;
    const intervalMs = before === undefined ? 0 : takenAtMs - before.takenAtMs;
    return {
      timeUnixMs: wide(this.#clock.nowMs()),
      intervalSeconds: intervalMs / 1000,
      ...commonFigures(this.#sources, status, intervalMs),
      level0TableCount: status.levels[0]?.tableCount ?? 0,
      ...(before === undefined || intervalMs === 0 ? {} : ratesBetween(before, now)),
    };
  }
}

function ratesBetween(before: Counts, now: Counts) {
  const seconds = (now.takenAtMs - before.takenAtMs) / 1000;
  const methods = now.calls
    .filter(({ callCount }) => callCount > 0)
    .map((counts) =>
      methodRates(
        before.calls.find(({ method }) => method === counts.method),
        counts,
        seconds,
      ),
    );
  return { methods, rates: rates(before.status, now.status, seconds) };
}

function methodRates(
  before: CallCounts | undefined,
  now: CallCounts,
  seconds: number,
): MessageInitShape<typeof MethodRatesSchema> {
  const { bounds } = now.durations;
  const counts = now.durations.counts.map((count, bucket) => count - (before?.durations.counts[bucket] ?? 0));
  const [p50Seconds, p90Seconds, p99Seconds, p999Seconds] = [0.5, 0.9, 0.99, 0.999].map((share) =>
    percentile(bounds, counts, share),
  );
  return {
    method: now.method,
    callsPerSecond: (now.callCount - (before?.callCount ?? 0)) / seconds,
    failuresPerSecond: (now.failureCount - (before?.failureCount ?? 0)) / seconds,
    ...(p50Seconds === undefined ? {} : { p50Seconds }),
    ...(p90Seconds === undefined ? {} : { p90Seconds }),
    ...(p99Seconds === undefined ? {} : { p99Seconds }),
    ...(p999Seconds === undefined ? {} : { p999Seconds }),
  };
}

function rates(
  before: EngineStatus,
  now: EngineStatus,
  seconds: number,
): MessageInitShape<typeof RatesSchema> {
  const rate = (figure: (status: EngineStatus) => number) => (figure(now) - figure(before)) / seconds;
  const hitsPerSecond = rate(({ cache }) => cache.hits);
  const asksPerSecond = hitsPerSecond + rate(({ cache }) => cache.misses);
  return {
    ...(asksPerSecond > 0 ? { cacheHitRatio: hitsPerSecond / asksPerSecond } : {}),
    commitLogBytesPerSecond: rate(({ work }) => work.commitLogBytes),
    syncsPerSecond: rate(({ work }) => work.syncDurations.count),
    flushedBytesPerSecond: rate(({ work }) => work.flushedBytes),
    compactedBytesPerSecond: rate(({ work }) => work.compactedBytes),
    stalledShare: rate(({ work }) => work.stallMs / 1000),
    delayedShare: rate(({ work }) => work.delayMs / 1000),
  };
}
