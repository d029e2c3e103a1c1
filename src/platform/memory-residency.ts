/**
 * Which pages of a file of the in-memory file system count as in memory, for tests of what waits for the disk.
 *
 * Nobody can see here that a map is read. So a map holds nonsense where a page was thrown out, until the page is read
 * by an ordinary read: whoever reads the map before that gets a wrong answer, where on a real system it would wait.
 * What was just written stays in memory until it is mapped for the first time, as it mostly does on a real one.
 */
import { type PagedContent, pageBytes } from "./paged-content.ts";

const nonsense = 0xdb;

export class MemoryResidency {
  readonly #coldPages = new Set<number>();
  readonly #maps = new Set<Uint8Array>();
  #isFresh: boolean;

  constructor(isFresh: boolean) {
    this.#isFresh = isFresh;
  }

  get isMapped(): boolean {
    return this.#maps.size > 0;
  }

  /** Makes a copy of the file's content one of its maps. */
  map(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    for (const page of this.#coldPages) bytes.fill(nonsense, page * pageBytes, (page + 1) * pageBytes);
    this.#maps.add(bytes);
    this.#isFresh = false;
    return bytes;
  }

  unmap(bytes: Uint8Array): void {
    this.#maps.delete(bytes);
  }

  evict(pageCount: number): void {
    if (this.#isFresh) return;
    for (let page = 0; page < pageCount; page++) this.#coldPages.add(page);
    for (const map of this.#maps) map.fill(nonsense);
  }

  isResident(offset: number, length: number): boolean {
    const last = Math.floor((offset + length - 1) / pageBytes);
    for (let page = Math.floor(offset / pageBytes); page <= last; page++) {
      if (this.#coldPages.has(page)) return false;
    }
    return true;
  }

  /** An ordinary read of a range. */
  bringIn(content: PagedContent, offset: number, length: number): void {
    if (this.#coldPages.size === 0 || length === 0) return;
    const last = Math.floor((offset + length - 1) / pageBytes);
    for (let page = Math.floor(offset / pageBytes); page <= last; page++) {
      if (!this.#coldPages.delete(page)) continue;
      const start = page * pageBytes;
      for (const map of this.#maps) content.readAt(map.subarray(start, start + pageBytes), start);
    }
  }
}
