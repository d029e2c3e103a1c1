/**
 * The file-system seam: every byte that the node stores or reads passes here.
 *
 * Three implementations: `real` (the machine's), `memory` (remembers what was synced and makes crash clones) and
 * `fault` (fails chosen operations of another one). One contract suite runs on all of them.
 *
 * The rule for who waits: reads, writes and directory look-ups touch the page cache and return at once;
 * whatever waits for the disk (syncs, zero-filling, copies, removal) returns a promise and runs off the calling thread.
 *
 * Errors are the system's: an `Error` whose `code` is the errno name ("ENOENT", "ENOSPC", "EIO", …).
 */

/** `read`: must exist. `create`: must not exist; readable and writable. `write`: must exist; both. */
export type OpenMode = "read" | "create" | "write";

export interface File {
  readonly path: string;
  sizeBytes(): number;
  /** Fills `target` from `position` on; returns the bytes read, fewer only at the end of the file. */
  readAt(target: Uint8Array, position: number): number;
  /** Writes all of `source` at `position`, or throws. Not durable before `sync` resolves. */
  writeAt(source: Uint8Array, position: number): void;
  /**
   * `fdatasync`: makes durable what was written before the call, and the size. After a rejection nothing is
   * known of the unsynced bytes; the call must not be repeated on this file.
   */
  sync(): Promise<void>;
  /** Writes zeros over `length` bytes from `position` and syncs them. */
  zeroFill(position: number, length: number): Promise<void>;
  truncate(sizeBytes: number): void;
  /** Lets the system begin to read a range into memory, and does not wait for it; `readAt` does. */
  prefetch(position: number, length: number): void;
  /** Gives the file back; a second call does nothing, any other call then fails with EBADF. */
  close(): void;
}

/** A file's bytes in the address space, read-only by convention. */
export interface MappedFile {
  readonly path: string;
  /** Throws once unmapped: a read through a released map is a bug. Callers do not keep it across an `await`. */
  readonly bytes: Uint8Array;
  /**
   * Whether a range is in memory, as far as the system tells: else reading it waits for the disk, as nothing else
   * that this seam calls synchronous does. A file's range comes into memory by `File.readAt`, on whatever thread.
   */
  isResident(offset: number, length: number): boolean;
  /** Lets the system begin to bring a range into memory, and does not wait for it. Else a read brings in its page alone. */
  prefetch(offset: number, length: number): void;
  /** Gives the address space back; a second call does nothing. */
  unmap(): void;
}

export interface FileStatus {
  readonly sizeBytes: number;
  readonly isDirectory: boolean;
}

export interface FileSystemUsage {
  readonly totalBytes: number;
  /** What an unprivileged process may still write. */
  readonly availableBytes: number;
}

export interface DirectoryLock {
  release(): void;
}

export interface FileSystem {
  open(path: string, mode: OpenMode): File;
  /** Maps a file that is never truncated or rewritten in place; an empty one gives an empty map. */
  map(path: string): MappedFile;
  /** `undefined` where nothing is. */
  status(path: string): FileStatus | undefined;
  /** Names (not paths) in a directory, sorted. */
  list(directory: string): string[];
  /** Creates the directory and its parents; not durable before `syncDirectory` of the parent. */
  makeDirectory(path: string): void;
  /**
   * Replaces `to` atomically, a directory only where it is empty; durable after `syncDirectory` of both parents.
   */
  rename(from: string, to: string): void;
  /** A second name for the same file. Throws EXDEV where `to` is on another file system, EPERM where it has none. */
  link(from: string, to: string): void;
  /** Copies a file's bytes to a new one, and syncs them. What fails may leave a part of it. */
  copy(from: string, to: string): Promise<void>;
  /** Removes a file; durable after `syncDirectory` of its parent. */
  remove(path: string): Promise<void>;
  /** Removes an empty directory; durable after `syncDirectory` of its parent. */
  removeDirectory(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<void>;
  /**
   * Takes the exclusive lock file of a data directory, or `undefined` when another holder has it.
   * The lock ends with `release` or with the process, however that dies; the file itself stays.
   */
  lock(path: string): DirectoryLock | undefined;
  /** The process id of whoever holds the lock file, where it is known: for the message of a refusal. */
  lockHolder(path: string): number | undefined;
  usage(path: string): FileSystemUsage;
  /** How many times this thread has waited for the disk while it read a map; grows. */
  majorFaultCount(): number;
}
