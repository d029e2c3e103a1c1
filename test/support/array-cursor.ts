import { compareBytes, Slice } from "../../src/base/bytes.ts";
import type { EntryCursor, EntryKind } from "../../src/engine/internal-key.ts";
import { entryKinds } from "../../src/engine/internal-key.ts";

export interface TestEntry {
  readonly key: string;
  readonly sequence: number;
  readonly value?: string;
}

/** A cursor over entries in an array, which it expects to be in order. */
export class ArrayCursor implements EntryCursor {
  readonly key = new Slice();
  readonly value = new Slice();
  readonly kind: EntryKind = entryKinds.value;
  #index = -1;
  readonly #entries: readonly TestEntry[];

  constructor(entries: readonly TestEntry[]) {
    this.#entries = entries;
  }

  get valid(): boolean {
    return this.#index >= 0 && this.#index < this.#entries.length;
  }

  get sequence(): number {
    return this.#entries[this.#index]!.sequence;
  }

  rewind(): void {
    this.#moveTo(0);
  }

  seek(key: Uint8Array): void {
    const index = this.#entries.findIndex((entry) => compareBytes(Buffer.from(entry.key), key) >= 0);
    this.#moveTo(index === -1 ? this.#entries.length : index);
  }

  next(): void {
    this.#moveTo(this.#index + 1);
  }

  #moveTo(index: number): void {
    this.#index = index;
    const entry = this.#entries[index];
    if (entry === undefined) return;
    this.key.bytes = Buffer.from(entry.key);
    this.key.start = 0;
    this.key.length = this.key.bytes.length;
    this.value.bytes = Buffer.from(entry.value ?? "");
    this.value.start = 0;
    this.value.length = this.value.bytes.length;
  }
}

/** What a cursor yields from where it stands, as `key@sequence`. */
export function drain(cursor: EntryCursor): string[] {
  const seen: string[] = [];
  for (; cursor.valid; cursor.next()) {
    seen.push(`${Buffer.from(cursor.key.copy()).toString("latin1")}@${cursor.sequence}`);
  }
  return seen;
}
