/** The process of the load: `bun load.ts PLAN` begins calls for so long, says so, and reports when all are answered. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Answer, Connection } from "../../src/load/connection.ts";
import { Histogram } from "../../src/load/histogram.ts";
import type { LoadEnded, LoadPlan, LoadReport } from "./plan.ts";

const statusOk = "0";
const statusesOfRefusals = new Set(["8", "14"]);

class Load {
  readonly #plan: LoadPlan;
  readonly #body: Buffer;
  readonly #fields: readonly (readonly [string, string])[];
  readonly #connections: Connection[];
  /** By connection and stream: when the call was due. */
  readonly #calls: Map<number, number>[];
  /** In microseconds. */
  readonly #succeeded = new Histogram();
  readonly #refused = new Histogram();
  readonly #failures: Record<string, number> = {};
  readonly #finished = Promise.withResolvers<void>();
  #callCount = 0;
  #answeredCount = 0;
  #succeededInTime = 0;
  #latestMs = 0;
  #startMs = 0;
  #isEnding = false;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#body = Buffer.from(plan.body, "base64");
    this.#fields = [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", plan.path],
      [":authority", `${plan.host}:${plan.port}`],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    ];
    const indexes = Array.from({ length: plan.connectionCount }, (_, index) => index);
    this.#calls = indexes.map(() => new Map());
    this.#connections = indexes.map(
      (index) =>
        new Connection({
          answered: (streamId, answer) => this.#answered(index, streamId, answer),
          failed: (error) => this.#finished.reject(error),
        }),
    );
  }

  async run(): Promise<LoadReport> {
    const { host, port, seconds, callsPerSecond } = this.#plan;
    for (const connection of this.#connections) await connection.open(host, port);
    this.#startMs = performance.now();
    const timer = setTimeout(() => this.#end(), seconds * 1000);
    if (callsPerSecond === undefined) for (let i = 0; i < this.#connections.length; i++) this.#fill(i);
    else await Promise.race([this.#beginAtRate(callsPerSecond), this.#finished.promise]);
    await this.#finished.promise;
    clearTimeout(timer);
    for (const connection of this.#connections) connection.close();
    return {
      callCount: this.#callCount,
      succeededPerSecond: this.#succeededInTime / seconds,
      failures: this.#failures,
      refused: timesOf(this.#refused),
      succeeded: timesOf(this.#succeeded),
      latestMs: this.#latestMs,
    };
  }

  #end(): void {
    this.#isEnding = true;
    process.send?.({ endedAtMs: Date.now() } satisfies LoadEnded);
    if (this.#answeredCount === this.#callCount) this.#finished.resolve();
  }

  #fill(index: number): void {
    const nowMs = performance.now();
    while (this.#calls[index]!.size < this.#plan.streamCount && !this.#isEnding) this.#begin(index, nowMs);
    this.#connections[index]!.flush();
  }

  async #beginAtRate(callsPerSecond: number): Promise<void> {
    let index = 0;
    while (!this.#isEnding) {
      const nowMs = performance.now();
      const dueCount = ((nowMs - this.#startMs) * callsPerSecond) / 1000;
      for (let fullCount = 0; this.#callCount < dueCount && fullCount < this.#connections.length; ) {
        index = (index + 1) % this.#connections.length;
        const hasRoom = this.#calls[index]!.size < this.#plan.streamCount;
        fullCount = hasRoom ? 0 : fullCount + 1;
        if (!hasRoom) continue;
        const dueMs = this.#startMs + (1000 * this.#callCount) / callsPerSecond;
        this.#latestMs = Math.max(this.#latestMs, nowMs - dueMs);
        this.#begin(index, dueMs);
      }
      for (const connection of this.#connections) connection.flush();
      await nextTurn();
    }
  }

  #begin(index: number, dueMs: number): void {
    this.#callCount++;
    this.#calls[index]!.set(this.#connections[index]!.send(this.#fields, this.#body), dueMs);
  }

  #answered(index: number, streamId: number, { status }: Answer): void {
    const calls = this.#calls[index]!;
    const dueMs = calls.get(streamId);
    // A stream that is answered early is reset as well.
    if (dueMs === undefined) return;
    calls.delete(streamId);
    this.#answeredCount++;
    const elapsedUs = (performance.now() - dueMs) * 1000;
    if (status === statusOk) {
      this.#succeeded.record(elapsedUs);
      if (!this.#isEnding) this.#succeededInTime++;
    } else {
      this.#failures[status] = (this.#failures[status] ?? 0) + 1;
      if (statusesOfRefusals.has(status)) this.#refused.record(elapsedUs);
    }
    if (!this.#isEnding) {
      if (this.#plan.callsPerSecond === undefined) this.#fill(index);
    } else if (this.#answeredCount === this.#callCount) this.#finished.resolve();
  }
}

function timesOf(histogram: Histogram): LoadReport["refused"] {
  const ms = (us: number) => us / 1000;
  return {
    p50Ms: ms(histogram.valueAt(0.5)),
    p99Ms: ms(histogram.valueAt(0.99)),
    maxMs: ms(histogram.largest),
  };
}

const report = await new Load(JSON.parse(process.argv[2]!) as LoadPlan).run();
process.send?.(report);
process.exit(0);
