/**
 * A file system whose unsynced bytes die with the process.
 *
 * The system's page cache outlives a killed process, so that killing one proves nothing about its syncs. Here what is
 * written stays in this process until it is synced, and only then goes to the file system below. Names pass through
 * at once. One file is one cached file, under all names that it was given here.
 */

import { copyByHandles } from "../../src/platform/copy-file.ts";
import type {
  DirectoryLock,
  File,
  FileStatus,
  FileSystem,
  FileSystemUsage,
  MappedFile,
  OpenMode,
} from "../../src/platform/file-system.ts";
import { MappedBytes } from "../../src/platform/mapped-bytes.ts";
import { PagedContent } from "../../src/platform/paged-content.ts";
import { SystemError } from "../../src/platform/system-error.ts";

export class WriteBackFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #cached = new Map<string, CachedFile>();

  constructor(inner: FileSystem) {
    this.#inner = inner;
  }

  open(path: string, mode: OpenMode): File {
    if (mode !== "create") return this.#load(path).handle(path, mode);
    const cached = new CachedFile(this.#inner.open(path, "create"));
    this.#cached.set(path, cached);
    return cached.handle(path, mode);
  }

  map(path: string): MappedFile {
    const cached = this.#cached.get(path);
    return cached === undefined ? this.#inner.map(path) : new MappedBytes(path, cached.content.toBytes());
  }

  status(path: string): FileStatus | undefined {
    const cached = this.#cached.get(path);
    return cached === undefined
      ? this.#inner.status(path)
      : { sizeBytes: cached.content.sizeBytes, isDirectory: false };
  }

  list(directory: string): string[] {
    return this.#inner.list(directory);
  }

  makeDirectory(path: string): void {
    this.#inner.makeDirectory(path);
  }

  rename(from: string, to: string): void {
    this.#inner.rename(from, to);
    const moved = [...this.#cached].filter(([path]) => path === from || path.startsWith(`${from}/`));
    if (from === to || (moved[0] !== undefined && this.#cached.get(to) === moved[0][1])) return;
    this.#cached.delete(to);
    for (const [path, cached] of moved) {
      this.#cached.delete(path);
      this.#cached.set(to + path.slice(from.length), cached);
    }
  }

  link(from: string, to: string): void {
    this.#inner.link(from, to);
    this.#cached.set(to, this.#load(from));
  }

  copy(from: string, to: string): Promise<void> {
    return copyByHandles(this, from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#inner.remove(path);
    this.#cached.delete(path);
  }

  removeDirectory(path: string): Promise<void> {
    return this.#inner.removeDirectory(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#inner.syncDirectory(path);
  }

  lock(path: string): DirectoryLock | undefined {
    return this.#inner.lock(path);
  }

  lockHolder(path: string): number | undefined {
    return this.#inner.lockHolder(path);
  }

  usage(path: string): FileSystemUsage {
    return this.#inner.usage(path);
  }

  majorFaultCount(): number {
    return this.#inner.majorFaultCount();
  }

  #load(path: string): CachedFile {
    const known = this.#cached.get(path);
    if (known !== undefined) return known;
    const inner = this.#inner.open(path, "write");
    const bytes = new Uint8Array(inner.sizeBytes());
    inner.readAt(bytes, 0);
    const cached = new CachedFile(inner);
    cached.content.writeAt(bytes, 0, 0);
    this.#cached.set(path, cached);
    return cached;
  }
}

/** A file as this process sees it, and the writes that the file below does not have yet. */
class CachedFile {
  readonly content = new PagedContent();
  readonly #inner: File;
  #unsynced: ((inner: File) => void)[] = [];

  /** Keeps `inner` open as long as the process lives: its name may go while handles stay. */
  constructor(inner: File) {
    this.#inner = inner;
  }

  handle(path: string, mode: OpenMode): File {
    return new WriteBackFile(path, mode, this);
  }

  writeAt(source: Uint8Array, position: number): void {
    const copy = source.slice();
    this.content.writeAt(copy, position, 0);
    this.#unsynced.push((inner) => inner.writeAt(copy, position));
  }

  truncate(sizeBytes: number): void {
    this.content.resize(sizeBytes, 0);
    this.#unsynced.push((inner) => inner.truncate(sizeBytes));
  }

  async zeroFill(position: number, length: number): Promise<void> {
    this.content.zero(position, length, 0);
    // Once more after the writes that came before it.
    this.#unsynced.push((inner) => inner.writeAt(new Uint8Array(length), position));
    await this.#inner.zeroFill(position, length);
  }

  async sync(): Promise<void> {
    const covered = this.#unsynced;
    this.#unsynced = [];
    for (const apply of covered) apply(this.#inner);
    await this.#inner.sync();
  }
}

class WriteBackFile implements File {
  readonly path: string;
  readonly #mode: OpenMode;
  readonly #cached: CachedFile;
  #closed = false;

  constructor(path: string, mode: OpenMode, cached: CachedFile) {
    this.path = path;
    this.#mode = mode;
    this.#cached = cached;
  }

  sizeBytes(): number {
    return this.#open().content.sizeBytes;
  }

  readAt(target: Uint8Array, position: number): number {
    return this.#open().content.readAt(target, position);
  }

  writeAt(source: Uint8Array, position: number): void {
    this.#writable().writeAt(source, position);
  }

  async sync(): Promise<void> {
    await this.#open().sync();
  }

  async zeroFill(position: number, length: number): Promise<void> {
    await this.#writable().zeroFill(position, length);
  }

  truncate(sizeBytes: number): void {
    this.#writable().truncate(sizeBytes);
  }

  prefetch(): void {
    this.#open();
  }

  close(): void {
    this.#closed = true;
  }

  #open(): CachedFile {
    if (this.#closed) throw new SystemError("EBADF", "use", this.path, "the file is closed");
    return this.#cached;
  }

  #writable(): CachedFile {
    if (this.#mode === "read") throw new SystemError("EBADF", "write", this.path, "opened for reading only");
    return this.#open();
  }
}
