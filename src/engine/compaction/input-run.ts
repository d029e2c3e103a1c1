/**
 * One sorted run of a job's inputs: tables with disjoint, ascending ranges, read by ordinary reads, which report a
 * bad sector where a map would kill the process.
 *
 * Reads ahead into one buffer and keeps one table open at a time. Every block is verified.
 */
import { corruption } from "../../base/errors.ts";
import type { File, FileSystem } from "../../platform/file-system.ts";
import type { EntryCursor } from "../internal-key.ts";
import { ConcatenatingCursor } from "../iterator/concatenating.ts";
import type { BlockReader } from "../sstable/block.ts";
import { type BlockSource, TableCursor } from "../sstable/cursor.ts";
import { blockProblem } from "../sstable/format.ts";
import type { TableIndex } from "../sstable/index.ts";
import { TableFile } from "../sstable/table-file.ts";

export interface InputTable {
  readonly path: string;
  readonly sizeBytes: number;
  readonly entryCount: number;
  readonly largestKey: Uint8Array;
}

const readAheadBytes = 256 * 1024;

export class InputRun {
  readonly #files: FileSystem;
  readonly #tables: readonly InputTable[];
  #file: File | undefined;

  constructor(files: FileSystem, tables: readonly InputTable[]) {
    this.#files = files;
    this.#tables = tables;
  }

  /** The run's one cursor. Its moves throw CORRUPTED_DATA with the file, or what the file system throws. */
  cursor(): EntryCursor {
    return new ConcatenatingCursor(
      this.#tables.map((table) => ({ largestKey: table.largestKey, cursor: () => this.#open(table) })),
    );
  }

  close(): void {
    this.#file?.close();
  }

  #open({ path, sizeBytes }: InputTable): EntryCursor {
    this.#file?.close();
    this.#file = this.#files.open(path, "read");
    const actualSizeBytes = this.#file.sizeBytes();
    if (actualSizeBytes !== sizeBytes) {
      throw corruption(path, 0, `the table has ${actualSizeBytes} bytes instead of ${sizeBytes}`);
    }
    return new TableCursor(new ReadAheadSource(this.#file));
  }
}

class ReadAheadSource implements BlockSource {
  readonly path: string;
  readonly blockCount: number;
  /** The file is open for as long as its cursor is used. */
  readonly generation = 0;
  readonly #file: File;
  readonly #index: TableIndex;
  readonly #dataEnd: number;
  #buffer = new Uint8Array(readAheadBytes);
  /** File offsets of what the buffer holds. */
  #bufferStart = 0;
  #bufferEnd = 0;

  constructor(file: File) {
    const table = new TableFile(file);
    this.path = file.path;
    this.#file = file;
    this.#index = table.index();
    this.#dataEnd = this.#index.dataSizeBytes;
    this.blockCount = this.#index.blockCount;
  }

  findBlock(key: Uint8Array, keyLength: number): number {
    return this.#index.findBlock(key, keyLength);
  }

  openBlock(block: number, into: BlockReader): void {
    const start = this.#index.blockStart(block);
    const end = this.#index.blockEnd(block);
    if (start < this.#bufferStart || end > this.#bufferEnd) this.#fill(start, end);
    const from = start - this.#bufferStart;
    const to = end - this.#bufferStart;
    const problem = blockProblem(this.#buffer, from, to);
    if (problem !== undefined) throw corruption(this.path, start, problem);
    into.open(this.#buffer, from, to, this.#bufferStart);
  }

  #fill(start: number, blockEnd: number): void {
    if (blockEnd - start > this.#buffer.length) this.#buffer = new Uint8Array(blockEnd - start);
    const wanted = Math.min(this.#buffer.length, this.#dataEnd - start);
    const target = wanted === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, wanted);
    const count = this.#file.readAt(target, start);
    if (count < wanted) throw corruption(this.path, start + count, "the file ends before its last block");
    this.#bufferStart = start;
    this.#bufferEnd = start + wanted;
  }
}
