/**
 * The dynamic table of HPACK (RFC 7541, section 2.3.2) as a ring: the newest entry has index 0, and adding one drops
 * the oldest until the sizes fit.
 *
 * Invariants:
 * 1. `sizeBytes` is the sum over all entries of name, value and 32, and never more than `maxSizeBytes`.
 * 2. So there are never more entries than `maxSizeBytes / 32`, and the ring has room for them.
 */
import type { FieldKind } from "../field-rules.ts";

/** What an entry counts beside its name and value. */
export const entryOverheadBytes = 32;

export class DynamicTable {
  count = 0;
  sizeBytes = 0;
  #maxSizeBytes: number;
  /** Position in the ring of the newest entry. */
  #newest = 0;
  readonly #mask: number;
  readonly #names: string[];
  readonly #values: string[];
  readonly #kinds: Uint8Array;

  /** `limitBytes` is the most that `resize` will ever be asked for. */
  constructor(limitBytes: number) {
    const room = 2 ** Math.ceil(Math.log2(limitBytes / entryOverheadBytes + 1));
    this.#maxSizeBytes = limitBytes;
    this.#mask = room - 1;
    this.#names = Array.from({ length: room }, () => "");
    this.#values = Array.from({ length: room }, () => "");
    this.#kinds = new Uint8Array(room);
  }

  name(index: number): string {
    return this.#names[(this.#newest - index) & this.#mask]!;
  }

  value(index: number): string {
    return this.#values[(this.#newest - index) & this.#mask]!;
  }

  kind(index: number): FieldKind {
    return this.#kinds[(this.#newest - index) & this.#mask]! as FieldKind;
  }

  /** An entry that is larger than the table empties it, and is not kept (RFC 7541, section 4.4). */
  add(name: string, value: string, kind: FieldKind): void {
    const entryBytes = name.length + value.length + entryOverheadBytes;
    this.#dropUntil(this.#maxSizeBytes - entryBytes);
    if (entryBytes > this.#maxSizeBytes) return;
    this.#newest = (this.#newest + 1) & this.#mask;
    this.#names[this.#newest] = name;
    this.#values[this.#newest] = value;
    this.#kinds[this.#newest] = kind;
    this.count++;
    this.sizeBytes += entryBytes;
  }

  resize(maxSizeBytes: number): void {
    this.#maxSizeBytes = maxSizeBytes;
    this.#dropUntil(maxSizeBytes);
  }

  #dropUntil(sizeBytes: number): void {
    while (this.count > 0 && this.sizeBytes > sizeBytes) {
      const oldest = (this.#newest - this.count + 1) & this.#mask;
      this.sizeBytes -= this.#names[oldest]!.length + this.#values[oldest]!.length + entryOverheadBytes;
      this.#names[oldest] = "";
      this.#values[oldest] = "";
      this.count--;
    }
  }
}
