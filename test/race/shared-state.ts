/**
 * The hand-overs between the threads of the race test, and the delays that they take at each.
 *
 * The writer fills memtable `m` in the arena of slot `m % slotCount`. A reader pins the slot and then makes sure
 * that it still holds the memtable it means; the writer takes the slot's memtable away and then waits until
 * nobody pins it, before it resets the arena.
 */
import type { Random } from "../../src/platform/random.ts";

export const slotCount = 3;
const noMemtable = -1;

const announcedIndex = 0;
const stoppedIndex = 1;
const memtableIndex = 2;
const pinsIndex = memtableIndex + slotCount;
const flushedIndex = pinsIndex + slotCount;
const sleepIndex = flushedIndex + slotCount;
const wordCount = sleepIndex + 1;

export class SharedState {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer = new SharedArrayBuffer(wordCount * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** The sequence number up to which everything is inserted. */
  get announced(): number {
    return Atomics.load(this.#words, announcedIndex);
  }

  announce(sequence: number): void {
    Atomics.store(this.#words, announcedIndex, sequence);
  }

  /** The writer is done, or a thread has found something wrong. */
  get stopped(): boolean {
    return Atomics.load(this.#words, stoppedIndex) === 1;
  }

  stop(): void {
    Atomics.store(this.#words, stoppedIndex, 1);
  }

  /** Gives a slot to a memtable. */
  fill(memtableNumber: number): void {
    const slot = slotOf(memtableNumber);
    Atomics.store(this.#words, flushedIndex + slot, 0);
    Atomics.store(this.#words, memtableIndex + slot, memtableNumber);
  }

  /** Takes a slot from its memtable: nobody pins it anew. */
  vacate(slot: number): void {
    Atomics.store(this.#words, memtableIndex + slot, noMemtable);
  }

  isPinned(slot: number): boolean {
    return Atomics.load(this.#words, pinsIndex + slot) > 0;
  }

  /** Whether the memtable was there to be pinned. */
  pin(memtableNumber: number, random: Random): boolean {
    const slot = slotOf(memtableNumber);
    Atomics.add(this.#words, pinsIndex + slot, 1);
    this.pause(random);
    if (Atomics.load(this.#words, memtableIndex + slot) === memtableNumber) return true;
    this.unpin(memtableNumber);
    return false;
  }

  unpin(memtableNumber: number): void {
    Atomics.sub(this.#words, pinsIndex + slotOf(memtableNumber), 1);
  }

  markFlushed(memtableNumber: number): void {
    Atomics.store(this.#words, flushedIndex + slotOf(memtableNumber), 1);
  }

  isFlushed(slot: number): boolean {
    return Atomics.load(this.#words, flushedIndex + slot) === 1;
  }

  /** Nothing mostly, a short spin often, a sleep that gives the core away sometimes. */
  pause(random: Random): void {
    const draw = random.uint32();
    if (draw % 2048 === 0) Atomics.wait(this.#words, sleepIndex, 0, 0.1);
    else if (draw % 8 === 0) this.spin((draw >>> 11) % 4000);
  }

  spin(turns: number): void {
    for (let i = 0; i < turns; i++) Atomics.load(this.#words, sleepIndex);
  }
}

export function slotOf(memtableNumber: number): number {
  return memtableNumber % slotCount;
}
