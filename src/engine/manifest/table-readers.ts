/**
 * The readers of all tables: opened when they are first needed, and no more than `maxOpenCount` from one turn to the
 * next.
 *
 * An open table is a map, of which the system gives a process only so many, and checking it at its opening costs time;
 * so a start opens none, and a store may have more tables than may be open. Which one closes is decided as a clock
 * does it: in the order of opening, where a table that was used since its last turn gets another one.
 *
 * Invariant: a reader closes in a microtask, when whoever reads has come to an `await`, and never while a caller may
 * still hold bytes of it. A turn that touches many tables may therefore pass the bound until it ends.
 */
import { errnoOf, messageOf, StorageError } from "../../base/errors.ts";
import { type DataDirectories, tablePath } from "../data-directory.ts";
import type { TableReader } from "../sstable/reader.ts";
import { Table } from "./table.ts";
import type { TableMetadata } from "./version-edit.ts";

export interface TableReadersOptions {
  readonly directories: DataDirectories;
  /** Opens and checks a table; `holdsTail` as `TableReader.open` has it. */
  readonly openTable: (path: string, metadata: TableMetadata, holdsTail: boolean) => TableReader;
  readonly maxOpenCount: number;
  /** Filters and indexes are held in memory of their own until they take this much, and left in the maps beyond. */
  readonly maxHeldBytes: number;
}

export class TableReaders {
  readonly #options: TableReadersOptions;
  /** Those that are open, the next to be asked to close first. */
  readonly #open = new Set<Table>();
  #heldBytes = 0;
  #isTrimDue = false;

  constructor(options: TableReadersOptions) {
    this.#options = options;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** A table that is not open yet. */
  table(metadata: TableMetadata): Table {
    return new Table(metadata, tablePath(this.#options.directories, metadata.fileNumber), this);
  }

  /** For `Table`: a reader, which counts as open until `closed`. */
  open(table: Table): TableReader {
    const reader = this.#openReader(table);
    this.#open.add(table);
    this.#heldBytes += reader.heldBytes;
    if (this.#open.size > this.#options.maxOpenCount && !this.#isTrimDue) {
      this.#isTrimDue = true;
      queueMicrotask(() => this.#trim());
    }
    return reader;
  }

  /** For `Table`: its reader was closed. */
  closed(table: Table, reader: TableReader): void {
    this.#open.delete(table);
    this.#heldBytes -= reader.heldBytes;
  }

  #trim(): void {
    this.#isTrimDue = false;
    // A set gives what is added while it is gone through too, so this ends when enough are closed.
    for (const table of this.#open) {
      if (this.#open.size <= this.#options.maxOpenCount) return;
      this.#open.delete(table);
      if (table.wasUsed) {
        table.wasUsed = false;
        this.#open.add(table);
      } else table.closeReader();
    }
  }

  #openReader({ path, metadata }: Table): TableReader {
    try {
      return this.#options.openTable(path, metadata, this.#heldBytes < this.#options.maxHeldBytes);
    } catch (error) {
      if (error instanceof StorageError || errnoOf(error) === undefined) throw error;
      const message = `${path} cannot be opened: ${messageOf(error)}`;
      throw new StorageError("SSTABLE_FAILED", message, { file: path, cause: error });
    }
  }
}
