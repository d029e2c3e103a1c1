/**
 * A file of the in-memory file system: what is in it now, and what of that would survive a crash.
 *
 * Invariants:
 * 1. Durable content changes only when a sync or zero-fill resolves, to what was there when it was called.
 * 2. Syncs may resolve in any order: an older one never takes back what a newer one made durable.
 * 3. A mapped file is never written or cut: on a real one that would change or end the mapping under its reader.
 */
import { assert } from "../base/errors.ts";
import type { CrashPolicy, SizeFate } from "./crash.ts";
import type { File, OpenMode } from "./file-system.ts";
import { MemoryResidency } from "./memory-residency.ts";
import type { MutationKind } from "./operation.ts";
import { type Page, PagedContent, pageBytes, sectorBytes } from "./paged-content.ts";
import { SystemError } from "./system-error.ts";

/** The file itself, under whatever names and handles. */
export class MemoryInode {
  current: PagedContent;
  durable: PagedContent;
  readonly residency: MemoryResidency;

  constructor(current = new PagedContent(), durable = new PagedContent(), isFresh = true) {
    this.current = current;
    this.durable = durable;
    this.residency = new MemoryResidency(isFresh);
  }

  clone(): MemoryInode {
    return new MemoryInode(this.current.snapshot(), this.durable.snapshot(), false);
  }

  /** Remembers a range as it is now; the returned function makes that durable, and the size with it. */
  captureForSync(position = 0, length = Number.MAX_SAFE_INTEGER): () => void {
    const captured = this.current.snapshot();
    return () => this.durable.takeNewer(captured, position, length);
  }

  forEachUnsyncedPage(visit: (page: Page, index: number) => void): void {
    for (let index = 0; index < this.current.pageCount; index++) {
      const page = this.current.page(index);
      if (page !== undefined && page !== this.durable.page(index)) visit(page, index);
    }
  }

  /** The crash: keeps of the unsynced what `policy` says, and makes durable what is left. */
  loseUnsynced(policy: CrashPolicy, rankOf: (page: Page) => number): void {
    const written = this.current.sizeBytes;
    const synced = this.durable.sizeBytes;
    const survivor = this.durable.snapshot();
    survivor.resize(Math.max(written, synced), 0);
    let keptEnd = 0;
    this.forEachUnsyncedPage((page, index) => {
      if (this.#keepSectors(survivor, page, index, policy, rankOf(page))) keptEnd = (index + 1) * pageBytes;
    });
    if (written !== synced) survivor.resize(survivingSize(policy.sizeFate(), written, synced, keptEnd), 0);
    this.current = survivor;
    this.durable = survivor.snapshot();
  }

  /** Copies those sectors of an unsynced page into `survivor` that are kept; false when none is. */
  #keepSectors(
    survivor: PagedContent,
    page: Page,
    index: number,
    policy: CrashPolicy,
    rank: number,
  ): boolean {
    const kept: number[] = [];
    for (let position = index * pageBytes; position < (index + 1) * pageBytes; position += sectorBytes) {
      // A cut that did not reach the disk leaves there what lay behind it.
      const isCutOff = position >= this.current.sizeBytes && position < this.durable.sizeBytes;
      if (policy.keepsSector(rank) && !isCutOff) kept.push(position);
    }
    if (kept.length === pageBytes / sectorBytes) survivor.sharePage(index, page);
    else {
      for (const position of kept) survivor.copySector(page, position);
    }
    return kept.length > 0;
  }
}

function survivingSize(fate: SizeFate, written: number, synced: number, keptEnd: number): number {
  if (fate === "written") return written;
  if (fate === "synced") return synced;
  return Math.max(synced, Math.min(written, keptEnd));
}

/** What a handle needs of its file system: numbering, order and the moment when a sync takes effect. */
export interface MemoryFileHost {
  /** Announces a mutation before it takes effect; returns its order. */
  begin(kind: MutationKind, path: string): number;
  /** Resolves once `effect` has been applied. */
  later(effect: () => void): Promise<void>;
  handleClosed(): void;
}

/** One handle of a file. */
export class MemoryFile implements File {
  readonly path: string;
  readonly #inode: MemoryInode;
  readonly #mode: OpenMode;
  readonly #host: MemoryFileHost;
  #closed = false;

  constructor(path: string, inode: MemoryInode, mode: OpenMode, host: MemoryFileHost) {
    this.path = path;
    this.#inode = inode;
    this.#mode = mode;
    this.#host = host;
  }

  sizeBytes(): number {
    this.#checkOpen("size");
    return this.#inode.current.sizeBytes;
  }

  readAt(target: Uint8Array, position: number): number {
    this.#checkOpen("read");
    const { current, residency } = this.#inode;
    residency.bringIn(current, position, target.length);
    return current.readAt(target, position);
  }

  writeAt(source: Uint8Array, position: number): void {
    const order = this.#beginWrite("write");
    this.#inode.current.writeAt(source, position, order);
  }

  async sync(): Promise<void> {
    this.#checkOpen("sync");
    this.#host.begin("sync", this.path);
    await this.#host.later(this.#inode.captureForSync());
  }

  async zeroFill(position: number, length: number): Promise<void> {
    const order = this.#beginWrite("zero-fill");
    this.#inode.current.zero(position, length, order);
    await this.#host.later(this.#inode.captureForSync(position, length));
  }

  truncate(sizeBytes: number): void {
    const order = this.#beginWrite("truncate");
    this.#inode.current.resize(sizeBytes, order);
  }

  prefetch(): void {
    this.#checkOpen("prefetch");
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.handleClosed();
  }

  #checkOpen(action: string): void {
    if (this.#closed) throw new SystemError("EBADF", action, this.path, "the file is closed");
  }

  #beginWrite(kind: MutationKind): number {
    this.#checkOpen(kind);
    if (this.#mode === "read") throw new SystemError("EBADF", kind, this.path, "opened for reading only");
    assert(!this.#inode.residency.isMapped, `${kind} of ${this.path} while it is mapped`);
    return this.#host.begin(kind, this.path);
  }
}
