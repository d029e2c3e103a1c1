/**
 * When the bytes of each connection are read, so that whoever makes the server work hard holds up nobody but itself.
 *
 * A connection whose reads have cost little so far is served as its bytes arrive. All others, and those that nothing is
 * known of, stand in line until everything that arrived in this turn of the event loop was looked at. Then they are
 * served in turns of one piece, for a few milliseconds; who is left waits for the next turn of the loop.
 *
 * Invariants:
 * 1. The bytes of one reader are read in the order in which they came.
 * 2. A reader stands in line, and is paused, exactly while bytes of it wait.
 * 3. The bytes of all in line are at most `maxWaitingBytes`: beyond, nobody waits.
 */

/** A connection, as the scheduler sees it. */
export interface Reader {
  readonly backlog: Backlog;
  /** Reads a piece, and answers what can be answered. */
  read(bytes: Uint8Array, start: number, length: number, nowMs: number): void;
  /** No further bytes shall arrive until `resume`; those that are on their way may. */
  pause(): void;
  resume(): void;
}

/** What a read of an unknown connection is taken to cost: more than little. */
const unknownCostMs = 1;
/** One read counts for no more: the collector of garbage may have run meanwhile. */
const maxCostMs = 1;
const littleCostMs = 0.2;
/** How much of the expected cost the last read decides. */
const lastReadShare = 0.25;

/** For all in line together, in one turn of the event loop. */
const turnMs = 2;
/** A few large frames, and at most some hundred requests. */
const pieceBytes = 64 * 1024;
const maxWaitingBytes = 32 * 1024 * 1024;

/** Of one reader: bytes that wait, and what its reads have cost. */
export class Backlog {
  readonly chunks: Uint8Array[] = [];
  /** Of the first chunk, what is read already. */
  readBytes = 0;
  expectedMs = unknownCostMs;
}

export class ReadScheduler {
  readonly #line = new Set<Reader>();
  #waitingBytes = 0;
  #isPlanned = false;
  readonly #nowMs: () => number;
  readonly #atNextTurn: (serve: () => void) => void;

  constructor(nowMs: () => number, atNextTurn: (serve: () => void) => void) {
    this.#nowMs = nowMs;
    this.#atNextTurn = atNextTurn;
  }

  /** Bytes have come, and stay as they are. */
  arrived(reader: Reader, bytes: Uint8Array): void {
    const { backlog } = reader;
    const isFirst = backlog.chunks.length === 0;
    if (isFirst && backlog.expectedMs <= littleCostMs && bytes.length <= pieceBytes) {
      this.#read(reader, bytes, 0, bytes.length);
      return;
    }
    backlog.chunks.push(bytes);
    this.#waitingBytes += bytes.length;
    if (isFirst) this.#join(reader);
    if (this.#waitingBytes > maxWaitingBytes) while (this.#line.has(reader)) this.#readPiece(reader);
  }

  /** Nothing of it is to be read any more. */
  forget(reader: Reader): void {
    const { backlog } = reader;
    for (const chunk of backlog.chunks) this.#waitingBytes -= chunk.length;
    this.#waitingBytes += backlog.readBytes;
    backlog.chunks.length = 0;
    backlog.readBytes = 0;
    this.#line.delete(reader);
  }

  #join(reader: Reader): void {
    this.#line.add(reader);
    reader.pause();
    this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#atNextTurn(() => this.#serve());
  }

  #serve(): void {
    this.#isPlanned = false;
    const endMs = this.#nowMs() + turnMs;
    // The set is walked in order of insertion, and those that go to its end are met again.
    for (const reader of this.#line) {
      this.#readPiece(reader);
      if (this.#nowMs() >= endMs) break;
    }
    if (this.#line.size > 0) this.#plan();
  }

  /** Of a reader in line, which goes to its end, or leaves it. */
  #readPiece(reader: Reader): void {
    const { backlog } = reader;
    const chunk = backlog.chunks[0]!;
    const start = backlog.readBytes;
    const length = Math.min(pieceBytes, chunk.length - start);
    this.#waitingBytes -= length;
    backlog.readBytes += length;
    if (backlog.readBytes === chunk.length) {
      backlog.chunks.shift();
      backlog.readBytes = 0;
    }
    this.#read(reader, chunk, start, length);
    const isForgotten = !this.#line.delete(reader);
    if (isForgotten) return;
    if (backlog.chunks.length > 0) this.#line.add(reader);
    else reader.resume();
  }

  #read(reader: Reader, bytes: Uint8Array, start: number, length: number): void {
    const { backlog } = reader;
    const startedMs = this.#nowMs();
    reader.read(bytes, start, length, startedMs);
    const costMs = Math.min(maxCostMs, this.#nowMs() - startedMs);
    backlog.expectedMs += (costMs - backlog.expectedMs) * lastReadShare;
  }
}
