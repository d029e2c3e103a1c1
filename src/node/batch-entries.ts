/**
 * What a batch comes to while it is put together: one entry of the store for each key that changes. The memory is that
 * of the batch before, so entries are good for one turn.
 */
import { utf8Length, writeUtf8 } from "../base/utf8.ts";
import { type EntryKind, entryKinds } from "../engine/internal-key.ts";
import { separator } from "./keys.ts";
import type { StoreEntry } from "./record-store.ts";

/** A larger array is let go with its batch, and so are entries beyond so many. */
const keptArrayBytes = 1024;
const keptEntryCount = 1024;

/** A key, and the record that the batch has made of it so far, if any. */
export class BatchEntry implements StoreEntry {
  kind: EntryKind = entryKinds.value;
  key = new Uint8Array(64);
  keyLength = 0;
  value = new Uint8Array(256);
  valueLength = 0;
  isChanged = false;

  setKey(tenantId: string, key: string): void {
    // No UTF-16 code unit takes more than three bytes.
    const most = 3 * (tenantId.length + key.length) + 1;
    if (most > this.key.length) this.key = new Uint8Array(utf8Length(tenantId) + 1 + utf8Length(key));
    const separatorAt = writeUtf8(this.key, 0, tenantId);
    this.key[separatorAt] = separator;
    this.keyLength = writeUtf8(this.key, separatorAt + 1, key);
    this.isChanged = false;
  }

  /** Room for a record of this length; a former one, which the new one may be made of, stays where it is. */
  takeRoom(kind: EntryKind, recordBytes: number): Uint8Array {
    this.kind = kind;
    if (this.isChanged || recordBytes > this.value.length) {
      this.value = new Uint8Array(Math.max(recordBytes, Math.min(2 * recordBytes, keptArrayBytes)));
    }
    this.valueLength = recordBytes;
    this.isChanged = true;
    return this.value;
  }
}

export class BatchEntries {
  readonly #all: BatchEntry[] = [];
  #count = 0;

  /** Begins another batch. */
  clear(): void {
    for (let index = 0; index < this.#count; index++) {
      const { key, value } = this.#all[index]!;
      if (key.length > keptArrayBytes || value.length > keptArrayBytes) this.#all[index] = new BatchEntry();
    }
    if (this.#all.length > keptEntryCount) this.#all.length = keptEntryCount;
    this.#count = 0;
  }

  get count(): number {
    return this.#count;
  }

  at(index: number): BatchEntry {
    return this.#all[index]!;
  }

  /** For another key. */
  add(): BatchEntry {
    if (this.#count === this.#all.length) this.#all.push(new BatchEntry());
    return this.#all[this.#count++]!;
  }

  /** Those with a record, in the order in which their keys came. */
  changed(): BatchEntry[] {
    const changed: BatchEntry[] = [];
    for (let index = 0; index < this.#count; index++) {
      const entry = this.#all[index]!;
      if (entry.isChanged) changed.push(entry);
    }
    return changed;
  }
}
