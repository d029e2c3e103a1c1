/** Compares what a thread reads in a memtable as of a sequence number with what the script says. */
import { compareRanges, Slice } from "../../src/base/bytes.ts";
import {
  type EntryCursor,
  type EntryKind,
  entryKinds,
  type FoundEntry,
} from "../../src/engine/internal-key.ts";
import type { MemtableReader } from "../../src/engine/memtable/memtable.ts";
import { keyCount, type RaceScript, type VersionModel } from "./memtable-script.ts";

export type Versions = "all" | "newest";

export class MemtableChecks {
  readonly #script: RaceScript;
  readonly #memtable: MemtableReader;
  readonly #model: VersionModel;
  readonly #maxSequence: number;
  readonly #found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

  /** `model` has advanced to `maxSequence` at least. */
  constructor(script: RaceScript, memtable: MemtableReader, model: VersionModel, maxSequence: number) {
    this.#script = script;
    this.#memtable = memtable;
    this.#model = model;
    this.#maxSequence = maxSequence;
  }

  lookUp(keyIndex: number): void {
    const key = this.#script.keys[keyIndex]!;
    const found = this.#memtable.find(key, key.length, this.#maxSequence, this.#found);
    const expected = this.#model.versions(keyIndex, this.#maxSequence)[0];
    if (expected === undefined) {
      if (found) this.#fail(`look-up found entry ${this.#found.sequence} of key ${keyIndex}, which has none`);
      return;
    }
    if (!found) this.#fail(`look-up missed entry ${expected} of key ${keyIndex}`);
    this.#checkEntry("look-up", expected, this.#found.sequence, this.#found.kind, this.#found.value);
  }

  /** Scans from a key on, over at most `limit` keys. */
  scan(which: Versions, firstKeyIndex = 0, limit = keyCount): void {
    const cursor =
      which === "all"
        ? this.#memtable.cursor(this.#maxSequence)
        : this.#memtable.newestCursor(this.#maxSequence);
    if (firstKeyIndex === 0) cursor.rewind();
    else cursor.seek(this.#script.keys[firstKeyIndex]!);
    const end = Math.min(keyCount, firstKeyIndex + limit);
    for (let keyIndex = firstKeyIndex; keyIndex < end; keyIndex++) {
      const versions = this.#model.versions(keyIndex, this.#maxSequence);
      for (const sequence of which === "all" ? versions : versions.slice(0, 1)) {
        this.#checkCursor(cursor, keyIndex, sequence);
        cursor.next();
      }
    }
    if (end === keyCount && cursor.valid)
      this.#fail(`scan yields entry ${cursor.sequence} after the last key`);
  }

  #checkCursor(cursor: EntryCursor, keyIndex: number, sequence: number): void {
    if (!cursor.valid) this.#fail(`scan ends before entry ${sequence} of key ${keyIndex}`);
    const key = this.#script.keys[keyIndex]!;
    const { bytes, start, length } = cursor.key;
    if (compareRanges(bytes, start, length, key, 0, key.length) !== 0) {
      this.#fail(
        `scan has entry ${cursor.sequence} of another key in place of entry ${sequence} of ${keyIndex}`,
      );
    }
    this.#checkEntry("scan", sequence, cursor.sequence, cursor.kind, cursor.value);
  }

  #checkEntry(how: string, expected: number, sequence: number, kind: EntryKind, value: Slice): void {
    if (sequence !== expected) this.#fail(`${how} has entry ${sequence} in place of ${expected}`);
    if (kind !== this.#script.kindOf(expected)) this.#fail(`${how} has entry ${expected} with kind ${kind}`);
    if (value.length !== this.#script.valueLengthOf(expected)) {
      this.#fail(`${how} has entry ${expected} with ${value.length} value bytes`);
    }
    for (let i = 0; i < value.length; i++) {
      if (value.bytes[value.start + i] !== this.#script.valueByteOf(expected, i)) {
        this.#fail(`${how} has entry ${expected} with a wrong byte ${i} in its value`);
      }
    }
  }

  #fail(what: string): never {
    throw new Error(`memtable ${this.#model.memtableNumber} as of ${this.#maxSequence}: ${what}`);
  }
}
