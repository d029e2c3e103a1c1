/**
 * Puts load on a node and measures it.
 *
 * *Closed loop*: each answer makes room for the next operation, so the node sets the pace. *Open loop*: operations are due
 * at a fixed rate, whatever the node does. Their time counts from when they were due, also where they had to wait for a
 * free stream: a node that stops for a second is charged for all that would have come in that second (no coordinated
 * omission).
 *
 * Invariants:
 * 1. An operation holds one slot of one connection from its first call to its last answer.
 * 2. At most `inFlight` slots of a connection are taken.
 */
import { StorageError } from "../base/errors.ts";
import { nextTurn } from "../base/next-turn.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import { type Answer, type ClientTls, Connection } from "./connection.ts";
import { type KeyChoice, type KeyDistribution, keyChoice } from "./key-choice.ts";
import { LoadResult } from "./load-result.ts";
import { type Mix, type OperationKind, operationChoice } from "./mixes.ts";
import { type Requests, servicePath } from "./requests.ts";

export interface LoadOptions {
  readonly hostname: string;
  readonly port: number;
  /** Undefined: cleartext. */
  readonly tls: ClientTls | undefined;
  /** Header fields of every call, beside what gRPC needs. */
  readonly fields: readonly (readonly [string, string])[];
  readonly connectionCount: number;
  /** Operations under way on each connection. */
  readonly inFlight: number;
  /** Operations a second; undefined: closed loop. */
  readonly rate: number | undefined;
  /** It ends after that many operations, or that time, whichever comes first. */
  readonly operationCount: number;
  readonly durationMs: number;
}

export interface Work {
  readonly mix: Mix;
  readonly keys: KeyDistribution;
  /** Records that are there; inserts add to them. */
  readonly recordCount: number;
}

/** One operation under way. */
interface Slot {
  kind: OperationKind;
  record: number;
  dueMs: number;
}

type Method = "Read" | "Write" | "Scan";

const msToUs = 1000;
const refusalPauseMs = 100;
/** So long may answers take after the last operation began. */
const patienceMs = 30_000;

export class LoadRun {
  readonly #options: LoadOptions;
  readonly #clock: Clock;
  readonly #requests: Requests;
  readonly #chooseKind: () => OperationKind;
  readonly #chooseKey: KeyChoice;
  readonly #lanes: Lane[];
  readonly #finished = Promise.withResolvers<void>();
  readonly #result = new LoadResult();
  readonly #heads: Readonly<Record<Method, LoadOptions["fields"]>>;
  #recordCount: number;
  #startMs = 0;
  #startedCount = 0;
  #endedCount = 0;
  /** Nothing new begins. */
  #isEnding = false;
  readonly #lanesWithRoom = new Set<Lane>();

  constructor(clock: Clock, random: Random, requests: Requests, work: Work, options: LoadOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#requests = requests;
    this.#chooseKind = operationChoice(work.mix, random);
    this.#chooseKey = keyChoice(work.keys, Math.max(1, work.recordCount), random);
    this.#recordCount = work.recordCount;
    const authority = `${options.hostname}:${options.port}`;
    // A connection may fail while the next one opens.
    this.#finished.promise.catch(() => undefined);
    const scheme = options.tls === undefined ? "http" : "https";
    const head = (method: Method) => headOf(scheme, authority, method, options.fields);
    this.#heads = { Read: head("Read"), Write: head("Write"), Scan: head("Scan") };
    this.#lanes = Array.from({ length: options.connectionCount }, () => new Lane(this.#laneEvents()));
  }

  get result(): LoadResult {
    return this.#result;
  }

  /** Operations that have ended so far. */
  get endedCount(): number {
    return this.#endedCount;
  }

  get elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#startMs;
  }

  /** Resolves when every operation that began has ended; rejects where a connection fails. */
  async run(): Promise<LoadResult> {
    const { hostname, port, tls, rate, durationMs } = this.#options;
    const timer = this.#clock.after(durationMs, () => this.#end());
    try {
      for (const { connection } of this.#lanes) await connection.open(hostname, port, tls);
      this.#startMs = this.#clock.monotonicMs();
      if (rate === undefined) for (const lane of this.#lanes) this.#fill(lane);
      else await Promise.race([this.#startAtRate(rate), this.#finished.promise]);
      await this.#finished.promise;
      this.#result.elapsedMs = this.elapsedMs;
      return this.#result;
    } finally {
      timer.cancel();
      for (const { connection } of this.#lanes) connection.close();
    }
  }

  #laneEvents(): LaneEvents {
    return {
      ended: (lane, slot, answer) => this.#callEnded(lane, slot, answer),
      failed: (error) => this.#finished.reject(error),
    };
  }

  #end(): void {
    this.#isEnding = true;
    if (this.#endedCount === this.#startedCount) this.#finished.resolve();
    this.#clock.after(patienceMs, () => {
      const openCount = this.#startedCount - this.#endedCount;
      const message = `${openCount} operations had no answer ${patienceMs / 1000} s after the last one began`;
      this.#finished.reject(new StorageError("UNAVAILABLE", message));
    });
  }

  /** Closed loop: takes all the room there is. */
  #fill(lane: Lane): void {
    const nowMs = this.#clock.monotonicMs();
    while (lane.slotCount < this.#options.inFlight && !this.#isEnding) this.#start(lane, nowMs);
    lane.connection.flush();
  }

  /** Open loop: begins what is due, where there is room. */
  async #startAtRate(rate: number): Promise<void> {
    let index = 0;
    while (!this.#isEnding) {
      const dueCount = Math.floor((this.elapsedMs * rate) / 1000) + 1;
      let fullCount = 0;
      while (this.#startedCount < dueCount && fullCount < this.#lanes.length && !this.#isEnding) {
        const lane = this.#lanes[index++ % this.#lanes.length]!;
        const hasRoom = lane.slotCount < this.#options.inFlight;
        fullCount = hasRoom ? 0 : fullCount + 1;
        if (hasRoom) this.#start(lane, this.#startMs + (1000 * this.#startedCount) / rate);
      }
      for (const { connection } of this.#lanes) connection.flush();
      await nextTurn();
    }
  }

  #start(lane: Lane, dueMs: number): void {
    const kind = this.#chooseKind();
    const record = kind === "insert" ? this.#recordCount++ : this.#chooseKey(this.#recordCount);
    this.#startedCount++;
    if (this.#startedCount === this.#options.operationCount) this.#isEnding = true;
    const slot = { kind, record, dueMs };
    if (kind === "read") this.#send(lane, slot, "Read", this.#requests.read(record));
    else if (kind === "scan") this.#send(lane, slot, "Scan", this.#requests.scan(record));
    else if (kind === "read-modify-write") {
      this.#send(lane, slot, "Read", this.#requests.read(record), true);
    } else this.#send(lane, slot, "Write", this.#requests.write(record));
  }

  #send(lane: Lane, slot: Slot, method: Method, body: Buffer, keepsBody = false): void {
    lane.send(slot, this.#heads[method], body, keepsBody);
  }

  #callEnded(lane: Lane, slot: Slot, answer: Answer): void {
    const isFirstOfTwo = answer.body !== undefined && answer.status === "0";
    if (isFirstOfTwo) {
      this.#send(lane, slot, "Write", this.#requests.writeBack(slot.record, answer.body));
      lane.connection.flush();
      return;
    }
    this.#endedCount++;
    const latencyUs = (this.#clock.monotonicMs() - slot.dueMs) * msToUs;
    this.#result.add(slot.kind, latencyUs, answer);
    if (this.#isEnding && this.#endedCount === this.#startedCount) this.#finished.resolve();
    else if (this.#options.rate === undefined) this.#refillAfter(lane, answer.status === "0");
  }

  /** Whoever is refused comes back after a while, or a full node would be asked as fast as it can refuse. */
  #refillAfter(lane: Lane, isAnswered: boolean): void {
    if (isAnswered) {
      this.#refillSoon(lane);
      return;
    }
    lane.restingCount++;
    this.#clock.after(refusalPauseMs, () => {
      lane.restingCount--;
      this.#fill(lane);
    });
  }

  /** Once for all answers that came in one read. */
  #refillSoon(lane: Lane): void {
    this.#lanesWithRoom.add(lane);
    if (this.#lanesWithRoom.size > 1) return;
    queueMicrotask(() => {
      for (const each of this.#lanesWithRoom) this.#fill(each);
      this.#lanesWithRoom.clear();
    });
  }
}

interface LaneEvents {
  ended(lane: Lane, slot: Slot, answer: Answer): void;
  failed(error: Error): void;
}

/** A connection with the operations that are under way on it. */
class Lane {
  readonly connection: Connection;
  /** Slots that wait before their next operation. */
  restingCount = 0;
  /** By the stream of their current call. */
  readonly #slots = new Map<number, Slot>();

  constructor(events: LaneEvents) {
    this.connection = new Connection({
      answered: (streamId, answer) => {
        const slot = this.#slots.get(streamId);
        if (slot === undefined) return;
        this.#slots.delete(streamId);
        events.ended(this, slot, answer);
      },
      failed: events.failed,
    });
  }

  get slotCount(): number {
    return this.#slots.size + this.restingCount;
  }

  send(slot: Slot, fields: readonly (readonly [string, string])[], body: Buffer, keepsBody: boolean): void {
    this.#slots.set(this.connection.send(fields, body, keepsBody), slot);
  }
}

function headOf(
  scheme: string,
  authority: string,
  method: Method,
  further: LoadOptions["fields"],
): LoadOptions["fields"] {
  return [
    [":method", "POST"],
    [":scheme", scheme],
    [":path", `${servicePath}/${method}`],
    [":authority", authority],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...further,
  ];
}
