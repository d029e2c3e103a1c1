/** The load client's process: `bun main.ts PLAN` prints its report; see plan.ts. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Answer, Connection, missingStatus } from "../../../src/load/connection.ts";
import { percentile } from "../../engine/measure.ts";
import { keyDigits } from "../work.ts";
import type { ClientPlan, ClientReport } from "./plan.ts";

/** Long enough for each call, and of one length. */
const longestTimeoutUs = 99_999_999;
const timeoutStepCount = 1_000_000;

class Run {
  readonly #plan: ClientPlan;
  readonly #body: Buffer;
  readonly #connections: Connection[];
  readonly #inFlight: number[];
  /** By connection and stream: when the call was to be sent. */
  readonly #sendTimesMs: Float64Array[];
  readonly #latenciesMs: Float64Array;
  readonly #finished = Promise.withResolvers<void>();
  #sentCount = 0;
  #answeredCount = 0;
  #bodyBytes = 0;
  #startMs = 0;

  constructor(plan: ClientPlan) {
    this.#plan = plan;
    this.#body = Buffer.from(plan.body, "base64");
    this.#latenciesMs = new Float64Array(plan.callCount);
    const indexes = Array.from({ length: plan.connectionCount }, (_, index) => index);
    this.#inFlight = indexes.map(() => 0);
    this.#sendTimesMs = indexes.map(() => new Float64Array(plan.callCount));
    this.#connections = indexes.map(
      (index) =>
        new Connection({
          answered: (streamId, answer) => this.#answered(index, streamId, answer),
          failed: (error) => this.#finished.reject(error),
        }),
    );
  }

  async run(): Promise<ClientReport> {
    const { host, port, callCount, callsPerSecond } = this.#plan;
    for (const connection of this.#connections) await connection.open(host, port);
    this.#startMs = performance.now();
    if (callsPerSecond === undefined) this.#fill();
    else await Promise.race([this.#sendAtRate(callsPerSecond), this.#finished.promise]);
    await this.#finished.promise;
    const seconds = (performance.now() - this.#startMs) / 1000;
    for (const connection of this.#connections) connection.close();
    return {
      callsPerSecond: callCount / seconds,
      bodyBytes: this.#bodyBytes,
      medianMs: percentile(this.#latenciesMs, 0.5),
      p99Ms: percentile(this.#latenciesMs, 0.99),
    };
  }

  /** Closed loop: each answer makes room for a call. */
  #fill(): void {
    for (let index = 0; index < this.#connections.length; index++) this.#fillConnection(index);
  }

  #fillConnection(index: number): void {
    const { callCount, streamCount } = this.#plan;
    const nowMs = performance.now();
    while (this.#inFlight[index]! < streamCount && this.#sentCount < callCount) this.#send(index, nowMs);
    this.#connections[index]!.flush();
  }

  /** Open loop: a call that finds all streams taken waits, and its time counts. */
  async #sendAtRate(callsPerSecond: number): Promise<void> {
    const { callCount, streamCount } = this.#plan;
    let index = 0;
    while (this.#sentCount < callCount) {
      const dueCount = Math.floor(((performance.now() - this.#startMs) * callsPerSecond) / 1000) + 1;
      const due = Math.min(dueCount, callCount);
      for (let tries = 0; this.#sentCount < due && tries < this.#connections.length; ) {
        index = (index + 1) % this.#connections.length;
        tries = this.#inFlight[index]! < streamCount ? 0 : tries + 1;
        if (tries === 0) this.#send(index, this.#startMs + (1000 * this.#sentCount) / callsPerSecond);
      }
      for (const connection of this.#connections) connection.flush();
      await nextTurn();
    }
  }

  #send(index: number, dueMs: number): void {
    const { keyAt, keyCount, hasTimeouts, path, host, port } = this.#plan;
    const number = this.#sentCount++;
    if (keyAt !== undefined) writeDigits(this.#body, keyAt, number % keyCount);
    const fields: [string, string][] = [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", `${host}:${port}`],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    ];
    if (hasTimeouts) fields.push(["grpc-timeout", `${longestTimeoutUs - (number % timeoutStepCount)}u`]);
    const streamId = this.#connections[index]!.send(fields, this.#body);
    this.#inFlight[index]!++;
    this.#sendTimesMs[index]![(streamId - 1) / 2] = dueMs;
  }

  #answered(index: number, streamId: number, { status, message, bodyBytes }: Answer): void {
    const isGood = status === "0" || (status === missingStatus && this.#plan.lacksStatus);
    if (!isGood) this.#finished.reject(new Error(`a call ended with status ${status}: ${message}`));
    const sentMs = this.#sendTimesMs[index]![(streamId - 1) / 2]!;
    this.#latenciesMs[this.#answeredCount++] = performance.now() - sentMs;
    this.#bodyBytes += bodyBytes;
    this.#inFlight[index]!--;
    if (this.#answeredCount === this.#plan.callCount) this.#finished.resolve();
    else if (this.#plan.callsPerSecond === undefined) this.#answers.add(index);
    if (this.#answers.size === 1) queueMicrotask(this.#refill);
  }

  /** Connections with room, filled once for all answers of one read. */
  readonly #answers = new Set<number>();
  readonly #refill = (): void => {
    for (const index of this.#answers) this.#fillConnection(index);
    this.#answers.clear();
  };
}

function writeDigits(target: Buffer, start: number, number: number): void {
  for (let position = start + keyDigits - 1; position >= start; position--) {
    target[position] = 48 + (number % 10);
    number = Math.floor(number / 10);
  }
}

console.log(JSON.stringify(await new Run(JSON.parse(process.argv[2]!) as ClientPlan).run()));
process.exit(0);
