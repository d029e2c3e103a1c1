/**
 * A directory of the in-memory file system: its entries now, and those that would survive a crash.
 *
 * It behaves like a journaling file system. Each creation, renaming, link or removal is one operation, durable as a
 * whole or not at all: a rename leaves the old name or the new one, never both or none. Operations become durable in
 * their order in each directory, and one that touches two directories takes along what came before it in both.
 * A crash keeps some first operations of every directory that no `syncDirectory` covered.
 *
 * Invariant: applying the unsynced operations in order to `durableEntries` gives `entries`.
 */
import type { MemoryInode } from "./memory-file.ts";

export type MemoryNode = MemoryInode | MemoryDirectory;

/** `node` is what the name stands for from now on; `undefined` for nothing. */
export interface EntryChange {
  readonly directory: MemoryDirectory;
  readonly name: string;
  readonly node: MemoryNode | undefined;
}

/** Changes that survive a crash together or not at all. */
export interface DirectoryOperation {
  readonly changes: readonly EntryChange[];
}

export class MemoryDirectory {
  readonly entries = new Map<string, MemoryNode>();
  readonly durableEntries = new Map<string, MemoryNode>();
  readonly unsynced: DirectoryOperation[] = [];

  /** Remembers the operations so far; the returned function makes them durable. */
  captureForSync(): () => void {
    const captured = [...this.unsynced];
    return () => {
      for (const operation of captured) if (this.unsynced.includes(operation)) makeDurable(operation);
    };
  }

  /** The crash: keeps the first `count` unsynced operations. The rest go in `dropUnsynced`. */
  keepFirst(count: number): void {
    for (const operation of this.unsynced.slice(0, count)) {
      if (this.unsynced.includes(operation)) makeDurable(operation);
    }
  }

  /** The end of the crash, after every directory has kept what it keeps. */
  dropUnsynced(): void {
    this.unsynced.length = 0;
    this.entries.clear();
    for (const [name, node] of this.durableEntries) this.entries.set(name, node);
  }
}

/** Performs an operation; it is durable once one of its directories is synced. */
export function change(...changes: EntryChange[]): void {
  const operation: DirectoryOperation = { changes };
  for (const { directory, name, node } of changes) setEntry(directory.entries, name, node);
  for (const directory of directoriesOf(operation)) directory.unsynced.push(operation);
}

function makeDurable(operation: DirectoryOperation): void {
  const directories = directoriesOf(operation);
  for (const directory of directories) {
    while (directory.unsynced[0] !== operation) makeDurable(directory.unsynced[0]!);
  }
  for (const { directory, name, node } of operation.changes) setEntry(directory.durableEntries, name, node);
  for (const directory of directories) directory.unsynced.shift();
}

function directoriesOf(operation: DirectoryOperation): Set<MemoryDirectory> {
  return new Set(operation.changes.map((entry) => entry.directory));
}

function setEntry(entries: Map<string, MemoryNode>, name: string, node: MemoryNode | undefined): void {
  if (node === undefined) entries.delete(name);
  else entries.set(name, node);
}
