/**
 * Merges sorted cursors into one that yields every key once, with its newest entry.
 *
 * Algorithm: the cursor with the smallest (key, newest sequence) is `current`; the others that still have
 * entries stand in a binary heap by the same order. Before `current` moves on, entries of its key are skipped in
 * the heap: they are older. A move costs one comparison with the heap's top in the common case that the same
 * source goes on, plus one to skip equal keys.
 *
 * Invariants:
 * 1. Each source yields a key at most once and in ascending order.
 * 2. Nothing is combined: the entry with the highest sequence number is the truth (the conflict rule ran when
 *    it was written).
 * 3. No allocation after construction; slices are those of the current source.
 */
import { compareSlices } from "../../base/bytes.ts";
import type { EntryCursor } from "../internal-key.ts";
import { DelegatingCursor } from "./delegating.ts";

function compareEntries(a: EntryCursor, b: EntryCursor): number {
  return compareSlices(a.key, b.key) || b.sequence - a.sequence;
}

export class MergingCursor extends DelegatingCursor {
  readonly #sources: readonly EntryCursor[];
  readonly #superseded: ((older: EntryCursor) => void) | undefined;
  /** The sources behind `current` that have entries, smallest first. */
  readonly #heap: EntryCursor[] = [];

  /** `superseded` is shown each older entry of the current key when the cursor moves on, before it does. */
  constructor(sources: readonly EntryCursor[], superseded?: (older: EntryCursor) => void) {
    super();
    this.#sources = sources;
    this.#superseded = superseded;
  }

  override rewind(): void {
    for (const source of this.#sources) source.rewind();
    this.#arrange();
  }

  override seek(key: Uint8Array): void {
    for (const source of this.#sources) source.seek(key);
    this.#arrange();
  }

  override next(): void {
    const current = this.current!;
    const heap = this.#heap;
    while (heap.length > 0 && compareSlices(heap[0]!.key, current.key) === 0) this.#advanceTop();
    current.next();
    if (heap.length === 0) {
      if (!current.valid) this.current = undefined;
    } else if (!current.valid) {
      this.current = heap[0]!;
      this.#removeTop();
    } else if (compareEntries(heap[0]!, current) < 0) {
      this.current = heap[0]!;
      heap[0] = current;
      this.#siftDown(0);
    }
  }

  #arrange(): void {
    const heap = this.#heap;
    heap.length = 0;
    for (const source of this.#sources) if (source.valid) heap.push(source);
    for (let index = (heap.length >> 1) - 1; index >= 0; index--) this.#siftDown(index);
    this.current = heap[0];
    if (heap.length > 0) this.#removeTop();
  }

  #advanceTop(): void {
    const top = this.#heap[0]!;
    this.#superseded?.(top);
    top.next();
    if (top.valid) this.#siftDown(0);
    else this.#removeTop();
  }

  #removeTop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown(0);
  }

  #siftDown(index: number): void {
    const heap = this.#heap;
    const moving = heap[index]!;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && compareEntries(heap[child + 1]!, heap[child]!) < 0) child++;
      if (compareEntries(moving, heap[child]!) <= 0) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = moving;
  }
}
