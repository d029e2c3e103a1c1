/**
 * What a read would have to wait for: the parts of tables that it needs and that are not in memory, in the order in
 * which the read would come to them.
 *
 * A part that was `awaited` before counts as in memory, whatever the system says, so that whoever waits for parts and
 * looks again comes to an end. A table that is not open needs its tail first; only then is known what else it needs.
 */
import { compareBytes } from "../../base/bytes.ts";
import type { Table } from "../manifest/table.ts";
import { coversKey, type Version } from "../manifest/version.ts";
import { levelCount } from "../manifest/version-edit.ts";
import { type ColdRange, isSameRange } from "./cold-range.ts";

/** Stretches end at multiples of this, so that the next one is asked for once, and not at every look. */
const stretchStepBytes = 128 * 1024;

export class ColdParts {
  /** What has to be waited for. */
  readonly ranges: ColdRange[] = [];
  /** What will be needed after that. */
  readonly ahead: ColdRange[] = [];
  #awaited: readonly ColdRange[] = [];

  /** Anew, with nothing missing yet. */
  begin(awaited: readonly ColdRange[]): void {
    this.ranges.length = 0;
    this.ahead.length = 0;
    this.#awaited = awaited;
  }

  /** For a look-up of the key: mostly one block, since the first table whose filter knows the key mostly holds it. */
  addForLookUp(version: Version, key: Uint8Array, keyLength: number): void {
    for (const table of version.levels[0]!) {
      if (coversKey(table, key, keyLength) && this.#endsLookUp(table, key, keyLength)) return;
    }
    for (let level = 1; level < levelCount; level++) {
      if (version.levels[level]!.length === 0) continue;
      const table = version.tableForKey(level, key, keyLength);
      if (table !== undefined && this.#endsLookUp(table, key, keyLength)) return;
    }
  }

  /** For cursors that go on from `key`: the next `lengthBytes` of each table of level 0 and of each level below. */
  addForStretch(version: Version, key: Uint8Array, lengthBytes: number): void {
    for (const table of version.levels[0]!) this.#addRun([table], key, lengthBytes);
    for (let level = 1; level < levelCount; level++) this.#addRun(version.levels[level]!, key, lengthBytes);
  }

  /** Whether the look-up goes no further, as far as can be told now. */
  #endsLookUp(table: Table, key: Uint8Array, keyLength: number): boolean {
    if (!this.#tailIsResident(table)) return false;
    const { reader } = table;
    if (!reader.passesFilter(key, keyLength)) return false;
    if (!this.#indexIsResident(table, key, keyLength)) return true;
    const block = reader.findBlock(key, keyLength);
    if (!this.#isResident(table, reader.blockStart(block), reader.blockEnd(block))) return true;
    return reader.blockHolds(block, key, keyLength);
  }

  /** Of tables with disjoint, ascending ranges. */
  #addRun(tables: readonly Table[], key: Uint8Array, lengthBytes: number): void {
    let remainingBytes = lengthBytes;
    for (let index = firstReaching(tables, key); index < tables.length && remainingBytes > 0; index++) {
      const table = tables[index]!;
      if (!this.#tailIsResident(table) || !this.#indexIsResident(table, key, key.length)) return;
      const { reader } = table;
      const dataEnd = reader.dataSizeBytes;
      const block = reader.findBlock(key, key.length);
      const start = reader.blockStart(block);
      const step = stretchStepBytes * Math.ceil((reader.blockEnd(block) + remainingBytes) / stretchStepBytes);
      const end = Math.min(dataEnd, step);
      this.#isResident(table, start, end);
      this.#addIndex(table, block, end);
      this.#addAhead(table, end, Math.min(dataEnd, end + lengthBytes));
      remainingBytes -= end - start;
    }
  }

  #addAhead(table: Table, start: number, end: number): void {
    if (start === end || table.reader.isResident(start, end - start)) return;
    this.ahead.push({ path: table.path, offset: start, length: end - start });
  }

  #tailIsResident(table: Table): boolean {
    if (!table.isOpen) {
      if (this.#wasAwaited(table, undefined, 0)) return true;
      this.ranges.push({ path: table.path, offset: undefined, length: 0 });
      return false;
    }
    const { tailOffset, sizeBytes, heldBytes } = table.reader;
    return heldBytes > 0 || this.#isResident(table, tailOffset, sizeBytes);
  }

  /** Whether the part of the index that knows the key's block is in memory. */
  #indexIsResident(table: Table, key: Uint8Array, keyLength: number): boolean {
    const { indexTopLevel } = table.reader;
    if (indexTopLevel === undefined) return true;
    const partition = indexTopLevel.find(key, keyLength);
    return this.#isResident(table, indexTopLevel.start(partition), indexTopLevel.end(partition));
  }

  /** Asks for the parts of the index that a cursor comes to on its way from a block to an offset of the file. */
  #addIndex(table: Table, block: number, dataEnd: number): void {
    const { indexTopLevel } = table.reader;
    if (indexTopLevel === undefined) return;
    const next = indexTopLevel.partitionOfBlock(block) + 1;
    const last = indexTopLevel.partitionOfOffset(dataEnd - 1);
    if (next <= last) this.#isResident(table, indexTopLevel.start(next), indexTopLevel.end(last));
  }

  #isResident(table: Table, start: number, end: number): boolean {
    const length = end - start;
    if (this.#wasAwaited(table, start, length) || table.reader.isResident(start, length)) return true;
    this.ranges.push({ path: table.path, offset: start, length });
    return false;
  }

  #wasAwaited({ path }: Table, offset: number | undefined, length: number): boolean {
    for (const range of this.#awaited) if (isSameRange(range, path, offset, length)) return true;
    return false;
  }
}

/** Index of the first table that may hold `key` or something after it. */
function firstReaching(tables: readonly Table[], key: Uint8Array): number {
  let low = 0;
  let high = tables.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(tables[middle]!.metadata.largestKey, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
