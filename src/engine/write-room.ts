/** Room for writers: the active memtable takes what comes, or freezes and a fresh one does, unless that has to wait. */
import { StorageError } from "../base/errors.ts";
import type { CommitLogWriter } from "./commit-log/writer.ts";
import type { Flusher } from "./flusher.ts";
import { maxEntryBytes } from "./memtable/skip-list.ts";
import type { MemtableSet } from "./memtable-set.ts";
import type { WriteStall } from "./write-stall.ts";

/** Arena bytes that suffice for entries whose keys and values have so many bytes in all. */
function mostArenaBytes(entryBytes: number, entryCount: number): number {
  const wordPaddingBytes = 3;
  return entryBytes + entryCount * (maxEntryBytes(0, 0) + wordPaddingBytes);
}

export class WriteRoom {
  readonly #memtables: MemtableSet;
  readonly #log: CommitLogWriter;
  readonly #flusher: Flusher;
  readonly #stall: WriteStall;

  constructor(memtables: MemtableSet, log: CommitLogWriter, flusher: Flusher, stall: WriteStall) {
    this.#memtables = memtables;
    this.#log = log;
    this.#flusher = flusher;
    this.#stall = stall;
  }

  /** See `Engine.whenWritable`. */
  wait(entryBytes: number, entryCount: number): Promise<void> | undefined {
    const arenaBytes = mostArenaBytes(entryBytes, entryCount);
    if (!this.#memtables.activeTakes(arenaBytes)) {
      if (!this.#memtables.canEverHold(arenaBytes)) return undefined;
      if (this.#stall.obstacle !== undefined) return this.#stall.wait();
      this.freeze();
    }
    return this.#log.whenRoom(entryBytes, entryCount) ?? this.#stall.delay();
  }

  /** Makes sure that the active memtable takes the entries, freezing it where it does not; throws where it must not. */
  make(entryBytes: number, entryCount: number): void {
    const arenaBytes = mostArenaBytes(entryBytes, entryCount);
    if (this.#memtables.activeTakes(arenaBytes)) return;
    if (!this.#memtables.canEverHold(arenaBytes)) {
      throw new StorageError(
        "VALUE_TOO_LARGE",
        `${entryBytes} bytes do not fit a memtable of ${this.#memtables.active.capacityBytes} bytes`,
      );
    }
    const { obstacle } = this.#stall;
    if (obstacle !== undefined) throw obstacle;
    this.freeze();
  }

  /** Lets the active memtable be flushed; later entries go into a fresh one, and into a segment of their own. */
  freeze(): void {
    this.#stall.passed();
    this.#memtables.freeze(this.#log.startSegment());
    this.#flusher.start();
  }
}
