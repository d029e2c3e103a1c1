/**
 * A file system that fails chosen operations of another one, for tests of what a failing disk does.
 *
 * A failed operation has no effect, but for `shortWrites`: then a failed write or zero-fill has written the first
 * half of its bytes, as a full disk leaves it. A failed sync leaves the bytes unsynced; since the system forgets
 * after such a failure which bytes it still owes to the disk, a second sync of that handle is a broken invariant.
 */
import { assert } from "../base/errors.ts";
import type {
  DirectoryLock,
  File,
  FileStatus,
  FileSystem,
  FileSystemUsage,
  MappedFile,
  OpenMode,
} from "./file-system.ts";
import type { Operation, OperationKind } from "./operation.ts";
import { SystemError } from "./system-error.ts";

/** The errno name to fail with ("EIO", "ENOSPC", …), or `undefined` to let the operation pass. */
export type FaultInjector = (operation: Operation) => string | undefined;

export interface FaultOptions {
  /** Failed writes have written the first half. */
  readonly shortWrites?: boolean;
}

export class FaultFileSystem implements FileSystem {
  /** Asked before every operation; may be changed at any time. */
  injector: FaultInjector;
  readonly shortWrites: boolean;
  readonly #inner: FileSystem;
  #operationCount = 0;

  constructor(inner: FileSystem, injector: FaultInjector = () => undefined, options: FaultOptions = {}) {
    this.#inner = inner;
    this.injector = injector;
    this.shortWrites = options.shortWrites ?? false;
  }

  /** Operations so far, failed ones included. */
  get operationCount(): number {
    return this.#operationCount;
  }

  /** Counts an operation; gives the error that it fails with, if any. */
  fault(kind: OperationKind, path: string): SystemError | undefined {
    const index = this.#operationCount++;
    const code = this.injector({ index, kind, path });
    return code === undefined
      ? undefined
      : new SystemError(code, kind, path, `injected at operation ${index}`);
  }

  /** Counts an operation, and throws the error that it fails with, if any. */
  check(kind: OperationKind, path: string): void {
    const error = this.fault(kind, path);
    if (error !== undefined) throw error;
  }

  open(path: string, mode: OpenMode): File {
    this.check(mode === "create" ? "create" : "open", path);
    return new FaultFile(this.#inner.open(path, mode), this);
  }

  map(path: string): MappedFile {
    this.check("map", path);
    return this.#inner.map(path);
  }

  status(path: string): FileStatus | undefined {
    this.check("status", path);
    return this.#inner.status(path);
  }

  list(directory: string): string[] {
    this.check("list", directory);
    return this.#inner.list(directory);
  }

  makeDirectory(path: string): void {
    this.check("make-directory", path);
    this.#inner.makeDirectory(path);
  }

  rename(from: string, to: string): void {
    this.check("rename", to);
    this.#inner.rename(from, to);
  }

  link(from: string, to: string): void {
    this.check("link", to);
    this.#inner.link(from, to);
  }

  async copy(from: string, to: string): Promise<void> {
    this.check("copy", to);
    await this.#inner.copy(from, to);
  }

  async remove(path: string): Promise<void> {
    this.check("remove", path);
    await this.#inner.remove(path);
  }

  async removeDirectory(path: string): Promise<void> {
    this.check("remove", path);
    await this.#inner.removeDirectory(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.check("sync-directory", path);
    await this.#inner.syncDirectory(path);
  }

  lock(path: string): DirectoryLock | undefined {
    this.check("lock", path);
    return this.#inner.lock(path);
  }

  lockHolder(path: string): number | undefined {
    return this.#inner.lockHolder(path);
  }

  usage(path: string): FileSystemUsage {
    this.check("usage", path);
    return this.#inner.usage(path);
  }

  majorFaultCount(): number {
    return this.#inner.majorFaultCount();
  }
}

class FaultFile implements File {
  readonly path: string;
  readonly #inner: File;
  readonly #faults: FaultFileSystem;
  #syncFailed = false;

  constructor(inner: File, faults: FaultFileSystem) {
    this.path = inner.path;
    this.#inner = inner;
    this.#faults = faults;
  }

  sizeBytes(): number {
    this.#faults.check("size", this.path);
    return this.#inner.sizeBytes();
  }

  readAt(target: Uint8Array, position: number): number {
    this.#faults.check("read", this.path);
    return this.#inner.readAt(target, position);
  }

  writeAt(source: Uint8Array, position: number): void {
    const error = this.#faults.fault("write", this.path);
    if (error !== undefined) this.#failWrite(error, source.subarray(0, source.length >> 1), position);
    this.#inner.writeAt(source, position);
  }

  async sync(): Promise<void> {
    assert(!this.#syncFailed, `sync of ${this.path} repeated after it failed`);
    const error = this.#faults.fault("sync", this.path);
    this.#syncFailed = error !== undefined;
    if (error !== undefined) throw error;
    await this.#inner.sync();
  }

  async zeroFill(position: number, length: number): Promise<void> {
    const error = this.#faults.fault("zero-fill", this.path);
    if (error !== undefined) this.#failWrite(error, new Uint8Array(length >> 1), position);
    await this.#inner.zeroFill(position, length);
  }

  truncate(sizeBytes: number): void {
    this.#faults.check("truncate", this.path);
    this.#inner.truncate(sizeBytes);
  }

  prefetch(position: number, length: number): void {
    this.#inner.prefetch(position, length);
  }

  close(): void {
    this.#inner.close();
  }

  #failWrite(error: SystemError, half: Uint8Array, position: number): never {
    if (this.#faults.shortWrites && half.length > 0) this.#inner.writeAt(half, position);
    throw error;
  }
}
