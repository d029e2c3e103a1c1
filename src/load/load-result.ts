/** What a load came to: times of operations that succeeded, by kind, and how the others failed. */
import type { Answer } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import type { OperationKind } from "./mixes.ts";

export class LoadResult {
  /** Of operations that succeeded, in microseconds. */
  readonly latencies = new Map<OperationKind, Histogram>();
  /** The same since they were last reset. */
  readonly recent = new Histogram();
  /** Operations that failed, by gRPC status, with the message of the first. */
  readonly failures = new Map<string, { count: number; readonly message: string }>();
  /** Of the messages that came. */
  receivedBytes = 0;
  elapsedMs = 0;

  get succeededCount(): number {
    let count = 0;
    for (const histogram of this.latencies.values()) count += histogram.count;
    return count;
  }

  get failedCount(): number {
    let count = 0;
    for (const failure of this.failures.values()) count += failure.count;
    return count;
  }

  add(kind: OperationKind, latencyUs: number, { status, message, bodyBytes }: Answer): void {
    if (status !== "0") {
      const failure = this.failures.get(status);
      if (failure === undefined) this.failures.set(status, { count: 1, message });
      else failure.count++;
      return;
    }
    this.receivedBytes += bodyBytes;
    let histogram = this.latencies.get(kind);
    if (histogram === undefined) this.latencies.set(kind, (histogram = new Histogram()));
    histogram.record(latencyUs);
    this.recent.record(latencyUs);
  }
}
