/**
 * A file system in memory that knows what was synced, for tests of durability.
 *
 * Every operation that changes something is numbered and announced before it takes effect, so that a test can take a
 * copy of the disk as a crash at that moment would leave it. Syncs, zero-fills and removals take effect when their
 * promise resolves, in a microtask, so that a run is the same every time; a copy that is taken in between counts
 * their bytes as unsynced.
 */
import { copyByHandles } from "./copy-file.ts";
import type { CrashPolicy } from "./crash.ts";
import type {
  DirectoryLock,
  File,
  FileStatus,
  FileSystem,
  FileSystemUsage,
  MappedFile,
  OpenMode,
} from "./file-system.ts";
import { MappedBytes } from "./mapped-bytes.ts";
import { change, MemoryDirectory } from "./memory-directory.ts";
import { MemoryFile, type MemoryFileHost, MemoryInode } from "./memory-file.ts";
import {
  ancestorsOf,
  findNode,
  requireDirectory,
  requireEmpty,
  requireFile,
  requireNode,
  requirePlace,
} from "./memory-path.ts";
import { cloneTree, crashTree, reachableNodes, unsyncedPages } from "./memory-tree.ts";
import type { MutationKind, Operation } from "./operation.ts";
import { SystemError } from "./system-error.ts";

/** When a sync takes effect; the default is the next microtask. */
export type Defer = (effect: () => void) => void;

export class MemoryFileSystem implements FileSystem {
  /** Called before each mutation takes effect; what it throws, the operation throws instead. */
  onOperation: ((operation: Operation<MutationKind>) => void) | undefined;
  /** What `usage` answers. */
  usageAnswer: FileSystemUsage = { totalBytes: 2 ** 40, availableBytes: 2 ** 40 };
  /** A test may hold syncs back by one of its own. */
  defer: Defer = queueMicrotask;

  /** What `majorFaultCount` answers: reads of maps cannot be seen here. */
  majorFaults = 0;

  readonly #root: MemoryDirectory;
  readonly #locks = new Map<MemoryInode, DirectoryLock>();
  readonly #host: MemoryFileHost;
  #operationCount = 0;
  #lastOrder: number;
  #openFileCount = 0;
  #mapCount = 0;

  constructor(root = new MemoryDirectory(), lastOrder = 0) {
    this.#root = root;
    this.#lastOrder = lastOrder;
    this.#host = {
      begin: (kind, path) => this.#begin(kind, path),
      later: (effect) => this.#later(effect),
      handleClosed: () => {
        this.#openFileCount--;
      },
    };
  }

  /** Mutations so far. */
  get operationCount(): number {
    return this.#operationCount;
  }

  /** Pages that a crash may lose: the bound of a sweep over `keepPages`. */
  get unsyncedPageCount(): number {
    return unsyncedPages(this.#root).length;
  }

  /** Handles not closed yet. */
  get openFileCount(): number {
    return this.#openFileCount;
  }

  /** Maps not unmapped yet. */
  get mapCount(): number {
    return this.#mapCount;
  }

  /** The disk after a crash of the machine: what was synced, and what `policy` keeps beyond that. */
  crashClone(policy: CrashPolicy): MemoryFileSystem {
    const clone = this.killClone();
    crashTree(clone.#root, policy);
    return clone;
  }

  /** The disk after the death of the process alone: all bytes are there, and what was unsynced still is. */
  killClone(): MemoryFileSystem {
    const clone = new MemoryFileSystem(cloneTree(this.#root), this.#lastOrder);
    clone.usageAnswer = this.usageAnswer;
    return clone;
  }

  open(path: string, mode: OpenMode): File {
    const inode = mode === "create" ? this.#create(path, "create") : requireFile(this.#root, path, "open");
    this.#openFileCount++;
    return new MemoryFile(path, inode, mode, this.#host);
  }

  map(path: string): MappedFile {
    const inode = requireFile(this.#root, path, "map");
    const bytes = inode.residency.map(inode.current.toBytes());
    this.#mapCount++;
    return new MappedBytes(path, bytes, {
      onUnmap: () => {
        inode.residency.unmap(bytes);
        this.#mapCount--;
      },
      isResident: (_bytes, offset, length) => inode.residency.isResident(offset, length),
    });
  }

  /**
   * Throws all files out of memory: until a range was read again, maps show nonsense in its place. Counts as a fault,
   * since the next read of a map would be one.
   */
  evict(): void {
    this.majorFaults++;
    for (const inode of reachableNodes(this.#root).files) inode.residency.evict(inode.current.pageCount);
  }

  /** Brings all files back into memory. */
  bringIn(): void {
    for (const { residency, current } of reachableNodes(this.#root).files) {
      residency.bringIn(current, 0, current.sizeBytes);
    }
  }

  status(path: string): FileStatus | undefined {
    const node = findNode(this.#root, path);
    if (node === undefined) return undefined;
    if (node instanceof MemoryDirectory) return { sizeBytes: 0, isDirectory: true };
    return { sizeBytes: node.current.sizeBytes, isDirectory: false };
  }

  list(directory: string): string[] {
    return [...requireDirectory(this.#root, directory, "list").entries.keys()].sort();
  }

  makeDirectory(path: string): void {
    const parts = [...ancestorsOf(path), path];
    const blocking = parts.find((part) => findNode(this.#root, part) instanceof MemoryInode);
    if (blocking !== undefined) {
      throw new SystemError(blocking === path ? "EEXIST" : "ENOTDIR", "make directory", path);
    }
    this.#begin("make-directory", path);
    for (const part of parts) {
      if (findNode(this.#root, part) !== undefined) continue;
      change({ ...requirePlace(this.#root, part, "make directory"), node: new MemoryDirectory() });
    }
  }

  rename(from: string, to: string): void {
    const source = requirePlace(this.#root, from, "rename");
    const target = requirePlace(this.#root, to, "rename");
    const node = requireNode(this.#root, from, "rename");
    const replaced = target.directory.entries.get(target.name);
    const isDirectory = node instanceof MemoryDirectory;
    if (replaced instanceof MemoryDirectory) {
      if (!isDirectory) throw new SystemError("EISDIR", "rename to", to);
      if (replaced.entries.size > 0) throw new SystemError("ENOTEMPTY", "rename to", to);
    } else if (replaced !== undefined && isDirectory) throw new SystemError("ENOTDIR", "rename to", to);
    this.#begin("rename", to);
    if (node !== replaced) change({ ...source, node: undefined }, { ...target, node });
  }

  link(from: string, to: string): void {
    const node = requireNode(this.#root, from, "link");
    const target = requirePlace(this.#root, to, "link");
    if (node instanceof MemoryDirectory) throw new SystemError("EPERM", "link", from);
    if (target.directory.entries.has(target.name)) throw new SystemError("EEXIST", "link to", to);
    this.#begin("link", to);
    change({ ...target, node });
  }

  copy(from: string, to: string): Promise<void> {
    return copyByHandles(this, from, to);
  }

  async remove(path: string): Promise<void> {
    requireFile(this.#root, path, "remove");
    this.#begin("remove", path);
    await this.#later(() => {
      requireFile(this.#root, path, "remove");
      change({ ...requirePlace(this.#root, path, "remove"), node: undefined });
    });
  }

  async removeDirectory(path: string): Promise<void> {
    requireEmpty(this.#root, path);
    this.#begin("remove", path);
    await this.#later(() => {
      requireEmpty(this.#root, path);
      change({ ...requirePlace(this.#root, path, "remove"), node: undefined });
    });
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = requireDirectory(this.#root, path, "sync directory");
    this.#begin("sync-directory", path);
    await this.#later(directory.captureForSync());
  }

  lock(path: string): DirectoryLock | undefined {
    if (findNode(this.#root, path) === undefined) this.#create(path, "lock");
    const inode = requireFile(this.#root, path, "lock");
    if (this.#locks.has(inode)) return undefined;
    const lock = { release: () => void (this.#locks.get(inode) === lock && this.#locks.delete(inode)) };
    this.#locks.set(inode, lock);
    return lock;
  }

  lockHolder(path: string): number | undefined {
    const node = findNode(this.#root, path);
    return node instanceof MemoryInode && this.#locks.has(node) ? process.pid : undefined;
  }

  usage(path: string): FileSystemUsage {
    requireNode(this.#root, path, "usage");
    return this.usageAnswer;
  }

  majorFaultCount(): number {
    return this.majorFaults;
  }

  #begin(kind: MutationKind, path: string): number {
    const index = this.#operationCount++;
    this.onOperation?.({ index, kind, path });
    return ++this.#lastOrder;
  }

  #later(effect: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.defer(() => {
        try {
          effect();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #create(path: string, kind: "create" | "lock"): MemoryInode {
    const place = requirePlace(this.#root, path, kind);
    if (place.directory.entries.has(place.name)) throw new SystemError("EEXIST", kind, path);
    this.#begin(kind, path);
    const inode = new MemoryInode();
    change({ ...place, node: inode });
    return inode;
  }
}
