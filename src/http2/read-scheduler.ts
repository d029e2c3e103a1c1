/**
 * When the bytes of each connection are read, so that whoever makes the server work hard holds up nobody but itself.
 *
 * A connection may use a small share of the thread's time, and is then served as its bytes arrive. All others stand in
 * line until everything that arrived in this turn of the event loop was looked at, as does a new connection that sends
 * more than a few requests at once. Then they are served in turns of one piece, for a few milliseconds; who is left
 * waits for the next turn of the loop, and brings nothing more meanwhile if that is much already.
 *
 * Invariants:
 * 1. The bytes of one reader are read in the order in which they came.
 * 2. A reader stands in line exactly while bytes of it wait. It is paused when many are left at the end of a turn: most
 *    have less, and a socket is not paused and resumed for nothing.
 * 3. Nobody uses the bytes of a chunk after all of it was read, or its reader was forgotten: its memory is gone then.
 * 4. The bytes of all in line are at most `maxWaitingBytes`: beyond, nobody waits.
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

/** The share of the thread's time that a connection may use, … */
const lightShare = 0.05;
/** … more at times, if it has used less before, … */
const allowanceMs = 10;
/** … and one read counts for no more: the collector of garbage may have run meanwhile. */
const maxCostMs = 2;
/** So long a connection is new: what it sends at once is heavy from so many bytes on. */
const newForMs = 1000;
const newReadBytes = 512;

/** The memory of smaller chunks is left to the collector. */
const minFreedBytes = 16 * 1024;

/** For all in line together, in one turn of the event loop. */
const turnMs = 2;
/** A few large frames, and at most some hundred requests. */
const pieceBytes = 64 * 1024;
const maxWaitingBytes = 32 * 1024 * 1024;
/** Of one reader, at the end of a turn: with more it is paused. */
const maxUnpausedBytes = 16 * 1024;

/** Of one reader: bytes that wait, and the time that it has used beyond its share. */
export class Backlog {
  readonly chunks: Uint8Array[] = [];
  /** Of the first chunk, what is read already. */
  readBytes = 0;
  /** Of all chunks, what is not. */
  waitingBytes = 0;
  /** Its reader is paused. */
  isPaused = false;
  readonly #startedMs: number;
  #usedMs = 0;
  #countedAtMs: number;

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
    this.#countedAtMs = nowMs;
  }

  /** A read has begun and ended at these times. */
  count(startedMs: number, endedMs: number): void {
    const earnedMs = (endedMs - this.#countedAtMs) * lightShare;
    this.#countedAtMs = endedMs;
    this.#usedMs = Math.max(0, this.#usedMs - earnedMs) + Math.min(maxCostMs, endedMs - startedMs);
  }

  /** Whether so many bytes may be read as they arrive. */
  isLight(byteCount: number, nowMs: number): boolean {
    if (this.chunks.length > 0) return false;
    if (byteCount > (nowMs - this.#startedMs < newForMs ? newReadBytes : pieceBytes)) return false;
    return this.#usedMs - (nowMs - this.#countedAtMs) * lightShare <= allowanceMs;
  }
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

  /** Bytes have come, and are the scheduler's from now on. */
  arrived(reader: Reader, bytes: Uint8Array): void {
    const { backlog } = reader;
    const nowMs = this.#nowMs();
    if (backlog.isLight(bytes.length, nowMs)) {
      this.#read(reader, bytes, 0, bytes.length, nowMs);
      free(bytes);
      return;
    }
    const isFirst = backlog.chunks.length === 0;
    backlog.chunks.push(bytes);
    this.#count(backlog, bytes.length);
    if (isFirst) this.#join(reader);
    if (this.#waitingBytes > maxWaitingBytes) while (this.#line.has(reader)) this.#readPiece(reader);
  }

  /** Nothing of it is to be read any more. */
  forget(reader: Reader): void {
    const { backlog } = reader;
    this.#count(backlog, -backlog.waitingBytes);
    for (const chunk of backlog.chunks.splice(0)) free(chunk);
    backlog.readBytes = 0;
    this.#line.delete(reader);
  }

  /** So many bytes more wait. */
  #count(backlog: Backlog, byteCount: number): void {
    backlog.waitingBytes += byteCount;
    this.#waitingBytes += byteCount;
  }

  #join(reader: Reader): void {
    this.#line.add(reader);
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
    if (this.#line.size === 0) return;
    for (const reader of this.#line) if (reader.backlog.waitingBytes > maxUnpausedBytes) this.#pause(reader);
    this.#plan();
  }

  #pause(reader: Reader): void {
    const { backlog } = reader;
    if (backlog.isPaused) return;
    backlog.isPaused = true;
    reader.pause();
  }

  /** Of a reader in line, which goes to its end, or leaves it. */
  #readPiece(reader: Reader): void {
    const { backlog } = reader;
    // Taken out meanwhile: whoever forgets the reader now frees what it finds.
    const chunk = backlog.chunks.shift()!;
    const start = backlog.readBytes;
    const length = Math.min(pieceBytes, chunk.length - start);
    this.#count(backlog, -length);
    backlog.readBytes += length;
    const isLast = backlog.readBytes === chunk.length;
    if (isLast) backlog.readBytes = 0;
    this.#read(reader, chunk, start, length, this.#nowMs());
    const isForgotten = !this.#line.delete(reader);
    if (isLast || isForgotten) free(chunk);
    else backlog.chunks.unshift(chunk);
    if (isForgotten) return;
    if (backlog.chunks.length > 0) this.#line.add(reader);
    else if (backlog.isPaused) {
      backlog.isPaused = false;
      reader.resume();
    }
  }

  #read(reader: Reader, bytes: Uint8Array, start: number, length: number, nowMs: number): void {
    reader.read(bytes, start, length, nowMs);
    reader.backlog.count(nowMs, this.#nowMs());
  }
}

/**
 * Gives back the memory of a chunk that was read, or never will be. The collector would let hundreds of megabytes of them gather, and
 * fresh memory costs more time than to use this again.
 */
function free({ length, buffer }: Uint8Array): void {
  if (length >= minFreedBytes && length === buffer.byteLength) (buffer as ArrayBuffer).transfer(0);
}
