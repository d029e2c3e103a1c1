/**
 * Scans that outlive what they stand on: when the connection breaks, the node leaves or its view grew too old, the scan
 * goes on behind the last message that came, from a later moment.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { NodeCalls, ScanFrom } from "./calls.ts";
import { type Clock, clockFromMessage } from "./clock.ts";
import type { KeyValueEntry, ScanResponse } from "./gen/storage/storage_node_pb.ts";
import { Deadline, Pauses } from "./retry.ts";

export interface ScanRange {
  /** First key. */
  readonly start?: string;
  /** First key that is left out. */
  readonly end?: string;
  /** Only keys that begin so. */
  readonly prefix?: string;
  /** The most records in all. */
  readonly limit?: number;
  /** Leaves the values out. */
  readonly keysOnly?: boolean;
}

export interface ScannedEntry {
  readonly key: string;
  /** Empty where only keys were asked for. */
  readonly value: Uint8Array;
  readonly clock: Clock;
  /** Unix seconds; information alone. */
  readonly timestampSeconds: number;
}

/** Yields the records in key order. `timeoutMs` bounds each wait for the node, not the consumer's time. */
export async function* scanEntries(
  calls: NodeCalls,
  range: ScanRange,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<ScannedEntry, void, void> {
  const from = new Progress(range);
  let deadline = new Deadline(timeoutMs, signal);
  let pauses = new Pauses();
  while (!from.isDone) {
    try {
      for await (const { entries } of messages(calls, from, timeoutMs, signal)) {
        for (const entry of entries) yield scannedEntry(entry);
        deadline = new Deadline(timeoutMs, signal);
        pauses = new Pauses();
      }
      return;
    } catch (error) {
      const isViewTooOld = error instanceof ConnectError && error.code === Code.Aborted && from.hasToken;
      if (!isViewTooOld && !(await pauses.beforeRetry(error, deadline))) throw error;
      // A view that ends at once again is no progress.
      if (isViewTooOld && deadline.remainingMs <= 0) throw error;
    }
  }
}

/** How far a scan has come. */
class Progress {
  readonly #range: ScanRange;
  #resumeToken: Uint8Array = new Uint8Array(0);
  #remaining: number;
  #isAtEnd = false;

  constructor(range: ScanRange) {
    this.#range = range;
    this.#remaining = range.limit ?? 0;
  }

  get hasToken(): boolean {
    return this.#resumeToken.length > 0;
  }

  /** At the limit, or at the end of the range: a stream that breaks after that has lost nothing. */
  get isDone(): boolean {
    return this.#isAtEnd || (this.#range.limit !== undefined && this.#remaining === 0);
  }

  get request(): ScanFrom {
    const { start = "", end = "", prefix = "", keysOnly = false } = this.#range;
    const { resumeToken, limit } = { resumeToken: this.#resumeToken, limit: this.#remaining };
    return { startKey: start, endKey: end, prefix, keysOnly, limit, resumeToken };
  }

  advance({ entries, resumeToken }: ScanResponse): void {
    this.#resumeToken = resumeToken;
    this.#isAtEnd = resumeToken.length === 0;
    if (this.#range.limit !== undefined) this.#remaining -= entries.length;
  }
}

/** One stream, whose every message comes within the timeout, or not at all. */
async function* messages(
  calls: NodeCalls,
  progress: Progress,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<ScanResponse, void, void> {
  const abort = new AbortController();
  const giveUp = (): void => abort.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted) giveUp();
  let isLate = false;
  try {
    const stream = (await calls.scan(progress.request, abort.signal))[Symbol.asyncIterator]();
    for (;;) {
      const timer = setTimeout(() => {
        isLate = true;
        abort.abort();
      }, timeoutMs);
      const next = await stream.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      progress.advance(next.value);
      yield next.value;
      if (progress.isDone) return;
    }
  } catch (error) {
    if (!isLate) throw error;
    throw new ConnectError(`no part of the scan came within ${timeoutMs} ms`, Code.DeadlineExceeded);
  } finally {
    signal?.removeEventListener("abort", giveUp);
    abort.abort();
  }
}

function scannedEntry({ key, value, vectorClock, timestamp }: KeyValueEntry): ScannedEntry {
  return { key, value, clock: clockFromMessage(vectorClock), timestampSeconds: Number(timestamp) };
}
