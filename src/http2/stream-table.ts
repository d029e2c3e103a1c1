/**
 * Which streams of a connection are open, and what became of the others. Streams are numbered in ascending order, so a
 * number above the highest is idle and one below it without an entry is closed.
 *
 * An open stream stands in the slot that its number names, or among the `others` where an older one stands there.
 *
 * Frames that were on their way when a stream was reset have to be told from those of a client that lost its mind. So
 * the latest resets are remembered, in slots too; a newer one may push an older one out.
 */
import type { Stream } from "./stream.ts";

export type Closure = "ended" | "reset_by_us" | "reset_by_peer";

/** A number counts in the lower 31 bits. */
const byPeer = 0x8000_0000;
const minSlots = 256;

export class StreamTable {
  /** The highest number that the peer has used. */
  highestId = 0;
  size = 0;
  readonly #mask: number;
  readonly #slots: (Stream | undefined)[] = [];
  readonly #others = new Map<number, Stream>();
  /** Made at the first reset. */
  #resets: Uint32Array | undefined;

  constructor(maxConcurrentStreams: number) {
    this.#mask = 2 ** Math.ceil(Math.log2(Math.max(minSlots, 2 * maxConcurrentStreams))) - 1;
  }

  get(id: number): Stream | undefined {
    const stream = this.#slots[this.#slot(id)];
    if (stream?.id === id) return stream;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  add(stream: Stream): void {
    this.size++;
    const slot = this.#slot(stream.id);
    if (this.#slots[slot] === undefined) this.#slots[slot] = stream;
    else this.#others.set(stream.id, stream);
  }

  /** Takes out one that is there. */
  delete(stream: Stream): void {
    this.size--;
    const slot = this.#slot(stream.id);
    if (this.#slots[slot] === stream) this.#slots[slot] = undefined;
    else this.#others.delete(stream.id);
  }

  values(): Stream[] {
    return [...this.#slots.filter((stream) => stream !== undefined), ...this.#others.values()];
  }

  rememberReset(id: number, isByPeer: boolean): void {
    this.#resets ??= new Uint32Array(this.#mask + 1);
    this.#resets[this.#slot(id)] = isByPeer ? id | byPeer : id;
  }

  /** How a stream without an entry, up to the highest, has ended, as far as that is remembered. */
  closureOf(id: number): Closure {
    const entry = this.#resets?.[this.#slot(id)] ?? 0;
    if ((entry & ~byPeer) !== id) return "ended";
    return entry >= byPeer ? "reset_by_peer" : "reset_by_us";
  }

  /** Clients use odd numbers. */
  #slot(id: number): number {
    return (id >>> 1) & this.#mask;
  }
}
