/**
 * A table of the store: what the manifest says of it, and its reader, which opens when it is first needed and may be
 * closed between two uses (`table-readers.ts`).
 *
 * Invariants:
 * 1. The reader closes only between turns, or with the last reference. So bytes that were read through it hold until
 *    the next `await`; a cursor that goes on after one sees by `generation` that it has to open its block anew.
 * 2. Nothing is read once no version holds the table: its file may be gone.
 */
import { assert } from "../../base/errors.ts";
import type { EntryCursor } from "../internal-key.ts";
import type { BlockReader } from "../sstable/block.ts";
import { type BlockSource, TableCursor } from "../sstable/cursor.ts";
import type { TableReader } from "../sstable/reader.ts";
import { TableReadCounters } from "../statistics/read-statistics.ts";
import type { TableReaders } from "./table-readers.ts";
import type { TableMetadata } from "./version-edit.ts";

export class Table implements BlockSource {
  /** Its `level` is where the table was when it was first named. */
  readonly metadata: TableMetadata;
  readonly path: string;
  /** Versions that hold the table. */
  references = 0;
  /** The current version does not hold it any more: the file goes with the last reference. */
  obsolete = false;
  /** It was asked for its reader since the last time this was set to false. */
  wasUsed = false;
  /** Rises whenever the reader closes. */
  generation = 0;
  readonly #readers: TableReaders;
  #reader: TableReader | undefined;
  #counters = new TableReadCounters();
  #isClosed = false;

  constructor(metadata: TableMetadata, path: string, readers: TableReaders) {
    this.metadata = metadata;
    this.path = path;
    this.#readers = readers;
  }

  /**
   * Opens where it has to. Throws CORRUPTED_DATA where what a reader needs of the table is damaged, SSTABLE_FAILED
   * where the system refuses. Whoever keeps it across an `await` may find it closed.
   */
  get reader(): TableReader {
    this.wasUsed = true;
    return this.#reader ?? this.#open();
  }

  /** Where its readers count from now on. */
  set counters(counters: TableReadCounters) {
    this.#counters = counters;
    if (this.#reader !== undefined) this.#reader.counters = counters;
  }

  get isOpen(): boolean {
    return this.#reader !== undefined;
  }

  /** A cursor that stands nowhere yet; any number may be in use at a time, for as long as a version holds the table. */
  cursor(): EntryCursor {
    return new TableCursor(this);
  }

  get blockCount(): number {
    return this.reader.blockCount;
  }

  findBlock(key: Uint8Array, keyLength: number): number {
    return this.reader.findBlock(key, keyLength);
  }

  openBlock(block: number, into: BlockReader): void {
    this.reader.openBlock(block, into);
  }

  /** Gives the map back until the table is used again. */
  closeReader(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    reader.close();
    this.#readers.closed(this, reader);
    this.#reader = undefined;
    this.generation++;
  }

  /** For good. */
  close(): void {
    this.#isClosed = true;
    this.closeReader();
  }

  #open(): TableReader {
    assert(!this.#isClosed, `${this.path} was read after the last version that holds it had gone`);
    const reader = this.#readers.open(this);
    reader.counters = this.#counters;
    this.#reader = reader;
    return reader;
  }
}
