/**
 * Views: what the store held at one sequence number, readable for as long as the view is open.
 *
 * A view holds references to the memtables and the version of its moment, so that nothing that is flushed,
 * compacted or removed meanwhile changes what it shows. That pins memory and disk, hence the bounds of
 * `ViewLimits`: past one, the oldest view ends, and whoever reads it gets ABORTED and may resume with a new view.
 *
 * Invariants:
 * 1. A view shows nothing that is not durable (in sync mode `always`; otherwise, not yet written to the log).
 * 2. A view that ended reads nothing: every move of its cursors asks first, because the memory may be in use for
 *    something else.
 */
import { StorageError } from "../base/errors.ts";
import type { Timer } from "../platform/clock.ts";
import type { EngineEnvironment } from "./environment.ts";
import type { EntryCursor, FoundEntry, SequenceNumber } from "./internal-key.ts";
import { RangeCursor } from "./iterator/range.ts";
import type { Version } from "./manifest/version.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import type { MemtableSet, TrackedMemtable } from "./memtable-set.ts";
import type { EngineOptions } from "./options.ts";
import type { RangeDeletionSet } from "./range-deletion/range-deletion-set.ts";
import { findInMemtables, findInTables, isInMemtables, mergedCursor, survives } from "./read-path.ts";
import type { Residency } from "./residency/residency.ts";

export class View {
  /** Entries with this sequence number or a lower one are seen. */
  readonly sequence: SequenceNumber;
  readonly openedAtMs: number;
  readonly #memtables: readonly TrackedMemtable[];
  readonly #version: Version;
  readonly #deletions: RangeDeletionSet;
  readonly #residency: Residency;
  readonly #closed: (view: View) => void;
  #open = true;
  #abortReason: string | undefined;

  /** Takes over one reference on the version and on each memtable (newest first). */
  constructor(
    memtables: readonly TrackedMemtable[],
    version: Version,
    deletions: RangeDeletionSet,
    sequence: SequenceNumber,
    openedAtMs: number,
    residency: Residency,
    closed: (view: View) => void,
  ) {
    this.#memtables = memtables;
    this.#version = version;
    this.#deletions = deletions;
    this.sequence = sequence;
    this.openedAtMs = openedAtMs;
    this.#residency = residency;
    this.#closed = closed;
  }

  get holdsMemtables(): boolean {
    return this.#memtables.length > 0;
  }

  /**
   * Finds the newest entry of a key (the first `keyLength` bytes) as of `sequence`. `found.value` is valid until the
   * next call into the engine or the next `await`. Throws ABORTED once the view has ended, CORRUPTED_DATA where the
   * bytes on disk are damaged.
   */
  get(key: Uint8Array, keyLength: number, found: FoundEntry): boolean {
    this.assertOpen();
    const isFound =
      findInMemtables(this.#memtables, key, keyLength, this.sequence, found) ||
      findInTables(this.#version, key, keyLength, found);
    return isFound && survives(key, keyLength, this.#deletions, found);
  }

  /** As `Engine.whenResident`, for the next `get` of this view. */
  whenResident(key: Uint8Array, keyLength: number): Promise<void> | undefined {
    this.assertOpen();
    if (!this.#residency.isAlert) return undefined;
    if (isInMemtables(this.#memtables, key, keyLength, this.sequence)) return undefined;
    return this.#residency.whenKeyResident(this.#version, key, keyLength);
  }

  /**
   * Undefined when cursors will hardly have to wait for the disk while they go on from a key for some hundred
   * kilobytes; else a promise of that. Ask before a cursor is made, with where it starts, and at every turn of a scan.
   */
  whenStretchResident(from: Uint8Array): Promise<void> | undefined {
    this.assertOpen();
    return this.#residency.whenStretchResident(this.#version, from);
  }

  /**
   * A cursor over the keys in [start, end), each once with its newest entry; `rewind` it first. Its slices are
   * valid until its next move or the next `await`. An undefined bound is open.
   */
  cursor(start?: Uint8Array, end?: Uint8Array): EntryCursor {
    this.assertOpen();
    const merged = mergedCursor(this.#memtables, this.#version, this.sequence, this.#deletions);
    return new RangeCursor(merged, start, end, () => this.assertOpen());
  }

  /** Gives everything back; a second call does nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const memtable of this.#memtables) memtable.release();
    this.#version.release();
    this.#closed(this);
  }

  /** Ends the view from outside; its readers get ABORTED with this reason. */
  abort(reason: string): void {
    this.#abortReason ??= reason;
    this.close();
  }

  /** Throws ABORTED once the view has ended. */
  assertOpen(): void {
    if (this.#open) return;
    const reason = this.#abortReason ?? "it was closed";
    throw new StorageError(
      "ABORTED",
      `the view of the data ended: ${reason}; start again from the last key read`,
    );
  }
}

/** All open views, oldest first, and the bounds on them. */
export class ViewRegistry {
  readonly #environment: EngineEnvironment;
  readonly #options: EngineOptions;
  readonly #residency: Residency;
  readonly #memtables: MemtableSet;
  readonly #versions: VersionSet;
  /** In the order of opening. */
  readonly #views = new Set<View>();
  #timer: Timer | undefined;

  constructor(
    environment: EngineEnvironment,
    options: EngineOptions,
    residency: Residency,
    memtables: MemtableSet,
    versions: VersionSet,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#residency = residency;
    this.#memtables = memtables;
    this.#versions = versions;
  }

  get count(): number {
    return this.#views.size;
  }

  /** Age of the oldest open view; 0 without one. */
  get oldestAgeMs(): number {
    for (const view of this.#views) return this.#environment.clock.monotonicMs() - view.openedAtMs;
    return 0;
  }

  /**
   * Opens a view of the tables of now. `deletions`: those up to `sequence`. No memtables where all that it shows is in
   * tables.
   */
  open(
    deletions: RangeDeletionSet,
    sequence: SequenceNumber,
    memtables = this.#memtables.acquireAll(),
  ): View {
    const view = new View(
      memtables,
      this.#versions.current.acquire(),
      deletions,
      sequence,
      this.#environment.clock.monotonicMs(),
      this.#residency,
      (closed) => this.#views.delete(closed),
    );
    this.#views.add(view);
    this.#watchAge();
    return view;
  }

  /** Ends views, oldest first, until the bounds hold; called whenever a memtable or a table becomes obsolete. */
  enforce(): void {
    const { maxPinnedMemtableBytes, maxPinnedTableShare } = this.#options.views;
    for (const view of this.#views) {
      if (view.holdsMemtables && this.#memtables.pinnedBytes > maxPinnedMemtableBytes) {
        this.#abort(view, `open views held more than ${maxPinnedMemtableBytes} bytes of flushed memtables`);
      } else if (this.#pinnedTableShare() > maxPinnedTableShare) {
        this.#abort(
          view,
          `open views held more than ${maxPinnedTableShare * 100} % of the disk in old tables`,
        );
      }
    }
  }

  /** Ends all of them, for the end of the engine. */
  abortAll(reason: string): void {
    this.#timer?.cancel();
    for (const view of [...this.#views]) view.abort(reason);
  }

  /** Of the file system; 0 where that cannot be told now, until the next change. */
  #pinnedTableShare(): number {
    const pinnedBytes = this.#versions.obsoleteTableBytes;
    if (pinnedBytes === 0) return 0;
    try {
      return pinnedBytes / this.#environment.files.usage(this.#options.tableDirectory).totalBytes;
    } catch {
      return 0;
    }
  }

  #abort(view: View, reason: string): void {
    view.abort(reason);
    this.#environment.observer.viewAborted(this.#environment.clock.monotonicMs() - view.openedAtMs, reason);
  }

  /** One timer, for the oldest view's end of life. */
  #watchAge(): void {
    if (this.#timer !== undefined) return;
    const remainingMs = Math.max(0, this.#options.views.maxAgeMs - this.oldestAgeMs);
    this.#timer = this.#environment.clock.after(remainingMs, () => {
      this.#timer = undefined;
      for (const view of this.#views) {
        if (this.#environment.clock.monotonicMs() - view.openedAtMs < this.#options.views.maxAgeMs) break;
        this.#abort(view, `it was older than ${this.#options.views.maxAgeMs} ms`);
      }
      if (this.#views.size > 0) this.#watchAge();
    });
  }
}
