/**
 * The range deletions in force: those of the manifest, and those that only the log holds yet, which wait with their
 * memtable for its flush.
 */
import { emptyBytes } from "../../base/bytes.ts";
import { StorageError } from "../../base/errors.ts";
import type { EntryCache } from "../cache/cache.ts";
import { logEntryKinds } from "../commit-log/format.ts";
import type { CommitLogWriter } from "../commit-log/writer.ts";
import type { SequenceNumber } from "../internal-key.ts";
import type { VersionSet } from "../manifest/version-set.ts";
import type { MemtableSet } from "../memtable-set.ts";
import type { EngineObserver } from "../observer.ts";
import { checkEntrySize } from "../sstable/format.ts";
import { encodeEnd, isBeforeEnd, type RangeDeletion } from "./range-deletion.ts";
import { RangeDeletionSet } from "./range-deletion-set.ts";

/** Reads search among them, and every manifest begins with them. */
const mostDeletions = 1024;

interface Store {
  readonly versions: VersionSet;
  readonly memtables: MemtableSet;
  readonly log: CommitLogWriter;
}

export class LiveDeletions {
  readonly #store: Store;
  readonly #cache: EntryCache;
  readonly #observer: EngineObserver;
  #set: RangeDeletionSet;

  constructor(store: Store, cache: EntryCache, observer: EngineObserver) {
    this.#store = store;
    this.#cache = cache;
    this.#observer = observer;
    this.#set = new RangeDeletionSet(this.#inForce());
  }

  get count(): number {
    return this.#set.deletions.length;
  }

  /** Those up to a sequence number. */
  asOf(sequence: SequenceNumber): RangeDeletionSet {
    return this.#set.asOf(sequence);
  }

  /**
   * Deletes what is stored now under the keys in [start, end), in a time that does not depend on how much that is.
   * Copies the bounds; an undefined one is open. Reads see it at once, views that are opened once it is durable do. It
   * leaves no tombstones; the space comes back with flushes and compactions. Wait for `whenWritable` first, with the
   * bytes of both bounds. Throws as `put` does, INVALID_ARGUMENT for an empty range, and RESOURCE_EXHAUSTED while too
   * many earlier ones are not worked off.
   */
  add(
    start: Uint8Array = emptyBytes,
    end?: Uint8Array,
  ): { readonly sequence: SequenceNumber; readonly durable: Promise<void> } {
    const { memtables, log } = this.#store;
    this.#check(start, end);
    const stored = encodeEnd(end);
    const commit = log.append(logEntryKinds.rangeDeletion, start, start.length, stored, stored.length);
    const deletion = { start: start.slice(), end: end?.slice(), sequence: log.lastSequence };
    memtables.addRangeDeletion(deletion);
    this.#set = this.#set.with(deletion);
    this.#cache.dropRange(start, end);
    this.#observer.rangeDeleted(deletion);
    return { sequence: deletion.sequence, durable: commit.durable };
  }

  /** After a flush or a compaction, in the turn in which a flushed memtable was given up: some may have gone. */
  refresh(): void {
    if (!this.#set.isEmpty) this.#set = new RangeDeletionSet(this.#inForce());
  }

  /** Until its memtable is given up, a deletion may be in the manifest as well, or have left it again. */
  #inForce(): RangeDeletion[] {
    const { versions, memtables } = this.#store;
    const waiting = memtables.newestFirst.flatMap(({ rangeDeletions }) => rangeDeletions);
    const all = [...versions.state.rangeDeletions, ...waiting];
    return [...new Map(all.map((deletion) => [deletion.sequence, deletion])).values()];
  }

  #check(start: Uint8Array, end: Uint8Array | undefined): void {
    checkEntrySize(Math.max(start.length, end?.length ?? 0), 0);
    if (!isBeforeEnd(start, end)) {
      throw new StorageError(
        "INVALID_ARGUMENT",
        "the range to delete ends at or before its start: it is empty",
      );
    }
    if (this.count < mostDeletions) return;
    throw new StorageError(
      "RESOURCE_EXHAUSTED",
      `${mostDeletions} deleted ranges still lie over tables with what they deleted: wait for compactions, or ` +
        "compact these ranges, and try again",
    );
  }
}
