/**
 * Deadlines, and trying again within them.
 *
 * Everything that this client does may be done twice: reads change nothing, and a write that the node holds already is
 * one that it has seen. So a call is repeated whenever the node said UNAVAILABLE, or when to come back, or when the
 * answer got lost on its way.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { DurationSchema, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailsSchema } from "./gen/storage/storage_node_pb.ts";

const firstPauseMs = 20;
const longestPauseMs = 2_000;

/** What a call was given, as times of `performance.now`. */
export class Deadline {
  readonly atMs: number;
  readonly signal: AbortSignal | undefined;

  constructor(timeoutMs: number, signal?: AbortSignal) {
    this.atMs = performance.now() + timeoutMs;
    this.signal = signal;
  }

  get remainingMs(): number {
    return this.atMs - performance.now();
  }

  /** What one try may take, as an RPC's options. */
  callOptions(): { timeoutMs: number; signal?: AbortSignal } {
    // Connect takes 0 for no deadline at all.
    const timeoutMs = Math.max(1, Math.ceil(this.remainingMs));
    return this.signal === undefined ? { timeoutMs } : { timeoutMs, signal: this.signal };
  }
}

/** Calls until it succeeds, fails for good, or the deadline comes: then it throws what the last try failed with. */
export async function withRetries<T>(deadline: Deadline, call: () => Promise<T>): Promise<T> {
  for (let pauses = new Pauses(); ; ) {
    try {
      return await call();
    } catch (error) {
      if (!(await pauses.beforeRetry(error, deadline))) throw error;
    }
  }
}

/** The waits between tries: twice as long each time, but anywhere up to that, so that clients do not come in step. */
export class Pauses {
  #limitMs = firstPauseMs;

  /** Waits, and resolves with true where trying again makes sense; else with false at once. */
  async beforeRetry(error: unknown, deadline: Deadline): Promise<boolean> {
    if (deadline.signal?.aborted || !isTransient(error)) return false;
    return this.pause(deadline, retryDelayMs(error));
  }

  /** The same without an error to look at. */
  async pause(deadline: Deadline, leastMs = 0): Promise<boolean> {
    const pauseMs = Math.max(leastMs, Math.random() * this.#limitMs);
    if (pauseMs >= deadline.remainingMs) return false;
    this.#limitMs = Math.min(2 * this.#limitMs, longestPauseMs);
    await sleep(pauseMs, deadline.signal);
    return !deadline.signal?.aborted;
  }
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
}

/** Of the connection, when the node did not say why itself; in a browser, fetch tells nothing but that it failed. */
const codesOfLostAnswers: ReadonlySet<Code> = new Set([
  Code.Aborted,
  Code.Canceled,
  Code.Internal,
  Code.Unknown,
]);

function isTransient(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  if (error.code === Code.Unavailable || retryDelayMs(error) !== undefined) return true;
  return codesOfLostAnswers.has(error.code) && error.findDetails(ErrorDetailsSchema).length === 0;
}

/** When the node wants to be asked again: gRPC's metadata for that, HTTP's, or `google.rpc.RetryInfo`. */
export function retryDelayMs(error: unknown): number | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const milliseconds = error.metadata.get("grpc-retry-pushback-ms");
  if (milliseconds !== null) return nonNegative(Number(milliseconds));
  const seconds = error.metadata.get("retry-after");
  if (seconds !== null) return nonNegative(Number(seconds) * 1000);
  for (const detail of error.details) {
    if ("type" in detail && detail.type === "google.rpc.RetryInfo") {
      return durationMs(fromBinary(DurationSchema, firstField(detail.value)));
    }
  }
  return undefined;
}

/** Anything else is no time to wait. */
function nonNegative(value: number): number | undefined {
  return value >= 0 ? value : undefined;
}

/** The bytes of field 1: RetryInfo has its duration there. */
function firstField(message: Uint8Array): Uint8Array {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1 && wireType === 2) return reader.bytes();
    reader.skip(wireType, number);
  }
  return new Uint8Array(0);
}
