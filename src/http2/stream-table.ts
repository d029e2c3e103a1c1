/**
 * Which streams of a connection are open, and what became of the others. Streams are numbered in ascending order, so a
 * number above the highest is idle and one below it without an entry is closed.
 *
 * Frames that were on their way when a stream was reset have to be told from those of a client that lost its mind. So
 * the latest resets are remembered, in a table that a stream enters by its number; a newer one may push it out.
 */
import type { Stream } from "./stream.ts";

export type Closure = "ended" | "reset_by_us" | "reset_by_peer";

/** A number counts in the lower 31 bits. */
const byPeer = 0x8000_0000;
const minRemembered = 256;

export class StreamTable {
  /** The highest number that the peer has used. */
  highestId = 0;
  readonly #open = new Map<number, Stream>();
  /** Made at the first reset. */
  #resets: Uint32Array | undefined;
  readonly #remembered: number;

  constructor(maxConcurrentStreams: number) {
    this.#remembered = 2 ** Math.ceil(Math.log2(Math.max(minRemembered, 2 * maxConcurrentStreams)));
  }

  get size(): number {
    return this.#open.size;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  add(stream: Stream): void {
    this.#open.set(stream.id, stream);
  }

  delete(id: number): void {
    this.#open.delete(id);
  }

  values(): Iterable<Stream> {
    return this.#open.values();
  }

  rememberReset(id: number, isByPeer: boolean): void {
    this.#resets ??= new Uint32Array(this.#remembered);
    this.#resets[this.#slot(id)] = isByPeer ? id | byPeer : id;
  }

  /** How a stream without an entry, up to the highest, has ended, as far as that is remembered. */
  closureOf(id: number): Closure {
    const entry = this.#resets?.[this.#slot(id)] ?? 0;
    if ((entry & ~byPeer) >>> 0 !== id) return "ended";
    return entry >= byPeer ? "reset_by_peer" : "reset_by_us";
  }

  /** Clients use odd numbers. */
  #slot(id: number): number {
    return (id >>> 1) & (this.#remembered - 1);
  }
}
