/**
 * The live figures: one stream for all tabs of the browser, none while no tab is seen.
 *
 * The visible tab that holds the lock has the stream and tells the others; the next one takes over when it is closed,
 * hidden or loses the lock. Browsers lend no locks to pages that came without TLS from another machine: there each
 * visible tab has a stream of its own.
 *
 *   waiting     for the first message
 *   live        messages come
 *   lost        the node does not answer; tried again, each time after a longer pause
 *   refused     the caller may not watch
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type WatchStatsResponse, WatchStatsResponseSchema } from "../gen/pairdb/admin/v1/admin_pb.ts";
import { admin, isReachable } from "./api.ts";
import { token } from "./session.ts";
import { StatsHistory } from "./stats-history.ts";
import { Store } from "./store.ts";

export interface Feed {
  readonly state: "waiting" | "live" | "lost" | "refused";
  readonly last: WatchStatsResponse | undefined;
  readonly failure: unknown;
}

const lockName = "pairdb-console-stats";
const firstPauseMs = 500;
const maxPauseMs = 5000;
/** A node that says nothing for so long is gone, whatever its connection says. */
const silenceMs = 8000;

export const history = new StatsHistory();
export const feed = new Store<Feed>({ state: "waiting", last: undefined, failure: undefined });

const channel = new BroadcastChannel(lockName);
let watch: AbortController | undefined;

/** Follows the page's visibility and the token from now on. */
export function startFeed(): void {
  channel.onmessage = (event: MessageEvent<Uint8Array>) => {
    receive(fromBinary(WatchStatsResponseSchema, event.data));
  };
  const restart = () => {
    watch?.abort();
    watch = undefined;
    if (document.hidden) return;
    watch = new AbortController();
    void watchAlone(watch.signal);
  };
  document.addEventListener("visibilitychange", restart);
  token.follow(restart);
  restart();
}

async function watchAlone(signal: AbortSignal): Promise<void> {
  const locks = navigator.locks as LockManager | undefined;
  if (locks === undefined) return watchUntil(signal);
  // Rejects when the signal ends the waiting.
  await locks.request(lockName, { signal }, () => watchUntil(signal)).catch(() => undefined);
}

async function watchUntil(signal: AbortSignal): Promise<void> {
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    try {
      for await (const stats of messages(signal)) {
        pauseMs = firstPauseMs;
        receive(stats);
        channel.postMessage(toBinary(WatchStatsResponseSchema, stats));
      }
    } catch (failure) {
      if (signal.aborted) return;
      if (isRefusal(failure)) {
        feed.value = { state: "refused", last: undefined, failure };
        return;
      }
      isReachable.value = false;
      feed.value = { ...feed.value, state: "lost", failure };
    }
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, maxPauseMs);
  }
}

/** Ends with an error when the node falls silent. */
async function* messages(signal: AbortSignal): AsyncGenerator<WatchStatsResponse> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silenceMs);
  try {
    const call = admin.watchStats({}, { signal: AbortSignal.any([signal, silence.signal]) });
    for await (const stats of call) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silenceMs);
      yield stats;
    }
  } finally {
    clearTimeout(timer);
  }
}

function receive(stats: WatchStatsResponse): void {
  // After a pause charts show a gap instead of a line that nobody measured: the first message has no rates.
  history.add(stats);
  isReachable.value = true;
  feed.value = { state: "live", last: stats, failure: undefined };
}

function isRefusal(failure: unknown): boolean {
  const { code } = ConnectError.from(failure);
  return code === Code.Unauthenticated || code === Code.PermissionDenied;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}
