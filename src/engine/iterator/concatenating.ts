/**
 * One cursor over tables whose key ranges are disjoint and ascending: a level below L0.
 *
 * Opens one table's cursor at a time, so that a scan of a level of thousands of tables holds one.
 */
import { compareBytes } from "../../base/bytes.ts";
import type { EntryCursor } from "../internal-key.ts";
import { DelegatingCursor } from "./delegating.ts";

/** What is needed of a table: its last key, and a cursor on demand. */
export interface CursorSource {
  readonly largestKey: Uint8Array;
  cursor(): EntryCursor;
}

export class ConcatenatingCursor extends DelegatingCursor {
  readonly #sources: readonly CursorSource[];
  #index = 0;

  constructor(sources: readonly CursorSource[]) {
    super();
    this.#sources = sources;
  }

  override rewind(): void {
    this.#index = 0;
    this.#open();
    this.current?.rewind();
    this.#skipExhausted();
  }

  override seek(key: Uint8Array): void {
    this.#index = this.#firstReaching(key);
    this.#open();
    this.current?.seek(key);
    this.#skipExhausted();
  }

  override next(): void {
    this.current!.next();
    this.#skipExhausted();
  }

  #open(): void {
    this.current = this.#sources[this.#index]?.cursor();
  }

  #skipExhausted(): void {
    while (this.current !== undefined && !this.current.valid) {
      this.#index++;
      this.#open();
      this.current?.rewind();
    }
  }

  /** Index of the first source that may hold `key` or something after it. */
  #firstReaching(key: Uint8Array): number {
    let low = 0;
    let high = this.#sources.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareBytes(this.#sources[middle]!.largestKey, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
