/**
 * Restricts a cursor to the keys in [start, end) and asks its owner before each move whether it may go on.
 *
 * `start` and `end` are kept, not copied: their owner leaves them alone while the cursor lives.
 */
import { compareRanges, type Slice } from "../../base/bytes.ts";
import type { EntryCursor, EntryKind, SequenceNumber } from "../internal-key.ts";

export class RangeCursor implements EntryCursor {
  readonly #inner: EntryCursor;
  readonly #start: Uint8Array | undefined;
  readonly #end: Uint8Array | undefined;
  readonly #assertUsable: () => void;
  #valid = false;

  /** `assertUsable` throws once the memory below may be gone. An undefined bound is open. */
  constructor(
    inner: EntryCursor,
    start: Uint8Array | undefined,
    end: Uint8Array | undefined,
    assertUsable: () => void,
  ) {
    this.#inner = inner;
    this.#start = start;
    this.#end = end;
    this.#assertUsable = assertUsable;
  }

  get valid(): boolean {
    return this.#valid;
  }

  get key(): Slice {
    return this.#inner.key;
  }

  get value(): Slice {
    return this.#inner.value;
  }

  get sequence(): SequenceNumber {
    return this.#inner.sequence;
  }

  get kind(): EntryKind {
    return this.#inner.kind;
  }

  rewind(): void {
    this.#beginMove();
    if (this.#start === undefined) this.#inner.rewind();
    else this.#inner.seek(this.#start);
    this.#checkEnd();
  }

  /** A key before the range goes to the range's first entry. */
  seek(key: Uint8Array): void {
    const start = this.#start;
    if (start !== undefined && compareRanges(key, 0, key.length, start, 0, start.length) < 0) {
      this.rewind();
      return;
    }
    this.#beginMove();
    this.#inner.seek(key);
    this.#checkEnd();
  }

  next(): void {
    this.#beginMove();
    this.#inner.next();
    this.#checkEnd();
  }

  /** A move that fails leaves the cursor standing nowhere. */
  #beginMove(): void {
    this.#valid = false;
    this.#assertUsable();
  }

  #checkEnd(): void {
    const end = this.#end;
    this.#valid = this.#inner.valid;
    if (!this.#valid || end === undefined) return;
    const { bytes, start, length } = this.#inner.key;
    this.#valid = compareRanges(bytes, start, length, end, 0, end.length) < 0;
  }
}
