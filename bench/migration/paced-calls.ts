/**
 * Writes and reads of single records at a fixed rate, whatever the node does: the time of each counts from when it was
 * due.
 */
import { type Answer, Connection } from "../../src/load/connection.ts";
import { Histogram } from "../../src/load/histogram.ts";
import { type Requests, servicePath } from "../../src/load/requests.ts";

type Kind = "write" | "read";

interface Call {
  readonly kind: Kind;
  readonly dueMs: number;
}

/** In microseconds. */
export type CallTimes = Readonly<Record<Kind, Histogram>>;

const tickMs = 1;

export class PacedCalls {
  failedCount = 0;
  #times: CallTimes = { write: new Histogram(), read: new Histogram() };
  readonly #requests: Requests;
  readonly #recordCount: number;
  readonly #perSecond: number;
  readonly #heads: Readonly<Record<Kind, readonly (readonly [string, string])[]>>;
  readonly #connection: Connection;
  readonly #underWay = new Map<number, Call>();
  readonly #startMs = performance.now();
  #sentCount = 0;
  #timer: Timer | undefined;

  private constructor(port: number, requests: Requests, recordCount: number, perSecond: number) {
    this.#requests = requests;
    this.#recordCount = recordCount;
    this.#perSecond = perSecond;
    const headOf = (method: string) =>
      [
        [":method", "POST"],
        [":scheme", "http"],
        [":path", `${servicePath}/${method}`],
        [":authority", `127.0.0.1:${port}`],
        ["content-type", "application/grpc"],
        ["te", "trailers"],
      ] as const;
    this.#heads = { write: headOf("Write"), read: headOf("Read") };
    this.#connection = new Connection({
      answered: (streamId, answer) => this.#answered(streamId, answer),
      failed: (error) => {
        throw error;
      },
    });
  }

  /** So many writes a second, and as many reads. */
  static async start(
    port: number,
    requests: Requests,
    recordCount: number,
    perSecond: number,
  ): Promise<PacedCalls> {
    const calls = new PacedCalls(port, requests, recordCount, perSecond);
    await calls.#connection.open("127.0.0.1", port);
    calls.#timer = setInterval(() => calls.#sendDue(), tickMs);
    return calls;
  }

  /** Of the calls that were answered since this was asked last. */
  takeTimes(): CallTimes {
    const times = this.#times;
    this.#times = { write: new Histogram(), read: new Histogram() };
    return times;
  }

  /** Resolves when all are answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#underWay.size > 0) await Bun.sleep(1);
    this.#connection.close();
  }

  #sendDue(): void {
    const elapsedMs = performance.now() - this.#startMs;
    for (; this.#sentCount < (elapsedMs * this.#perSecond) / 1000; this.#sentCount++) {
      const dueMs = this.#startMs + (1000 * this.#sentCount) / this.#perSecond;
      this.#send({ kind: "write", dueMs }, this.#requests.write(this.#someRecord()));
      this.#send({ kind: "read", dueMs }, this.#requests.read(this.#someRecord()));
    }
    this.#connection.flush();
  }

  #send(call: Call, body: Buffer): void {
    this.#underWay.set(this.#connection.send(this.#heads[call.kind], body), call);
  }

  #someRecord(): number {
    return Math.floor(Math.random() * this.#recordCount);
  }

  #answered(streamId: number, { status }: Answer): void {
    const call = this.#underWay.get(streamId);
    if (call === undefined) return;
    this.#underWay.delete(streamId);
    if (status !== "0") this.failedCount++;
    this.#times[call.kind].record(1000 * (performance.now() - call.dueMs));
  }
}
