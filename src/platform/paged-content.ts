/**
 * A simulated file's bytes: pages that are shared until written.
 *
 * A snapshot copies references only. A write copies a page unless this content made it since its last snapshot,
 * so that whoever holds the snapshot never sees the write.
 *
 * Invariants:
 * 1. Two contents hold the same page object at an index exactly when no write came between them: a file's
 *    unsynced pages are those where its current and its durable content differ in identity.
 * 2. `Page.order` and `sizeOrder` are the number of the last operation that wrote them: the larger is the newer.
 * 3. Bytes past the size are zeros, so that a file which grows again reads zeros there.
 */

/** What a cache writes back at once. */
export const pageBytes = 4096;
/** What a disk writes whole or not at all. */
export const sectorBytes = 512;

export class Page {
  /** `undefined` for a page of zeros. */
  readonly bytes: Uint8Array | undefined;
  order: number;
  /** Token of the only content that may write in place. */
  readonly owner: object;

  constructor(bytes: Uint8Array | undefined, order: number, owner: object) {
    this.bytes = bytes;
    this.order = order;
    this.owner = owner;
  }
}

export class PagedContent {
  readonly #pages: (Page | undefined)[];
  #sizeBytes: number;
  #sizeOrder: number;
  #owner: object = {};

  constructor(pages: (Page | undefined)[] = [], sizeBytes = 0, sizeOrder = 0) {
    this.#pages = pages;
    this.#sizeBytes = sizeBytes;
    this.#sizeOrder = sizeOrder;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get pageCount(): number {
    return this.#pages.length;
  }

  /** The page that was written at this index; `undefined` where none ever was. */
  page(index: number): Page | undefined {
    return this.#pages[index];
  }

  /** Puts another content's page here; neither writes it in place from then on. */
  sharePage(index: number, page: Page): void {
    this.#pages[index] = page;
  }

  /** Copies one sector of another content's page to where it lies in the file. */
  copySector(page: Page, position: number): void {
    const start = position % pageBytes;
    const target = this.#writablePage((position - start) / pageBytes, page.order);
    if (page.bytes === undefined) target.fill(0, start, start + sectorBytes);
    else target.set(page.bytes.subarray(start, start + sectorBytes), start);
  }

  /** The same content, cheaply; later writes to either stay unseen by the other. */
  snapshot(): PagedContent {
    this.#owner = {};
    return new PagedContent(this.#pages.slice(), this.#sizeBytes, this.#sizeOrder);
  }

  readAt(target: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(target.length, this.#sizeBytes - position));
    forEachPage(position, length, (index, start, count, done) => {
      const bytes = this.#pages[index]?.bytes;
      if (bytes === undefined) target.fill(0, done, done + count);
      else target.set(bytes.subarray(start, start + count), done);
    });
    return length;
  }

  writeAt(source: Uint8Array, position: number, order: number): void {
    forEachPage(position, source.length, (index, start, count, done) => {
      this.#writablePage(index, order).set(source.subarray(done, done + count), start);
    });
    this.#growTo(position + source.length, order);
  }

  zero(position: number, length: number, order: number): void {
    this.#zeroPages(position, length, order);
    this.#growTo(position + length, order);
  }

  /** Cuts or extends with zeros. */
  resize(sizeBytes: number, order: number): void {
    const cut = this.#pages.length * pageBytes - sizeBytes;
    if (cut > 0 && sizeBytes < this.#sizeBytes) this.#zeroPages(sizeBytes, cut, order);
    this.#sizeBytes = sizeBytes;
    this.#sizeOrder = order;
  }

  /** Takes over those of `source`'s pages in the range, and its size, that are newer than what is here. */
  takeNewer(source: PagedContent, position: number, length: number): void {
    const end = Math.min(source.pageCount, Math.ceil((position + length) / pageBytes));
    for (let index = Math.floor(position / pageBytes); index < end; index++) {
      const page = source.page(index);
      if (page !== undefined && page.order > (this.#pages[index]?.order ?? 0)) this.#pages[index] = page;
    }
    if (source.#sizeOrder > this.#sizeOrder) {
      this.#sizeBytes = source.#sizeBytes;
      this.#sizeOrder = source.#sizeOrder;
    }
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#sizeBytes);
    this.readAt(bytes, 0);
    return bytes;
  }

  #growTo(sizeBytes: number, order: number): void {
    if (sizeBytes > this.#sizeBytes) this.resize(sizeBytes, order);
  }

  #zeroPages(position: number, length: number, order: number): void {
    forEachPage(position, length, (index, start, count) => {
      if (count === pageBytes) this.#pages[index] = new Page(undefined, order, this.#owner);
      else this.#writablePage(index, order).fill(0, start, start + count);
    });
  }

  #writablePage(index: number, order: number): Uint8Array {
    const page = this.#pages[index];
    if (page?.bytes !== undefined && page.owner === this.#owner) {
      page.order = order;
      return page.bytes;
    }
    const bytes = page?.bytes?.slice() ?? new Uint8Array(pageBytes);
    this.#pages[index] = new Page(bytes, order, this.#owner);
    return bytes;
  }
}

/** Splits a byte range at page borders; `done` counts the bytes of the range before this piece. */
function forEachPage(
  position: number,
  length: number,
  visit: (index: number, start: number, count: number, done: number) => void,
): void {
  for (let done = 0; done < length; ) {
    const start = (position + done) % pageBytes;
    const count = Math.min(pageBytes - start, length - done);
    visit((position + done - start) / pageBytes, start, count, done);
    done += count;
  }
}
