/**
 * Keeps reads from making the main thread wait for the disk.
 *
 * Tables are read through maps, and a page of a map that is not in memory stops the thread that touches it until the
 * disk has answered: on the main thread that stops every call. So a caller that may wait asks first; where something
 * that its read needs is not in memory, it gets a promise, and worker threads read it by ordinary reads meanwhile.
 *
 * Nothing is promised by it: what was brought in may be thrown out again before it is read, and between two looks at
 * the fault count (`fault-watch.ts`) reads do not look. The read is right all the same, and waits.
 */
import { StorageError } from "../../base/errors.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import type { Version } from "../manifest/version.ts";
import type { ReadOptions } from "../options.ts";
import type { JobRunner } from "../workers/protocol.ts";
import { ColdParts } from "./cold-parts.ts";
import type { ColdRange } from "./cold-range.ts";
import { ColdRead, type Look } from "./cold-read.ts";
import { FaultWatch } from "./fault-watch.ts";
import { Warmer } from "./warmer.ts";

/** What a scan may read of each table before it asks again: more than a chunk and a turn of it take. */
const stretchBytes = 256 * 1024;
const nothingAwaited: readonly ColdRange[] = [];

export interface ResidencyStatus {
  /** Reads that waited for worker threads to bring something in. */
  readonly coldReadCount: number;
  /** What these brought in. */
  readonly broughtInCount: number;
  readonly broughtInBytes: number;
  /** How many times the main thread has waited for a page itself, when it was last looked at. */
  readonly mainThreadFaultCount: number;
}

export class Residency {
  readonly #watch: FaultWatch;
  readonly #warmer: Warmer;
  /** Of the last look: to look costs no allocation where nothing is missing. */
  readonly #parts = new ColdParts();
  #coldReadCount = 0;

  constructor(files: FileSystem, jobs: JobRunner, options: ReadOptions) {
    this.#watch = new FaultWatch(files, options.residencyChecks);
    this.#warmer = new Warmer(jobs);
  }

  /** Asked once for each look-up; false: it need not look. Costs next to nothing. */
  get isAlert(): boolean {
    return this.#watch.isAlert;
  }

  get status(): ResidencyStatus {
    return {
      coldReadCount: this.#coldReadCount,
      broughtInCount: this.#warmer.rangeCount,
      broughtInBytes: this.#warmer.byteCount,
      mainThreadFaultCount: this.#watch.faultCount,
    };
  }

  /**
   * A look-up that looked will be answered without the tables: it counts as one that found all in memory. Else a store
   * whose look-ups all end in its memtables would look for ever.
   */
  needsNoTable(): undefined {
    this.#watch.foundResident();
  }

  /** Undefined where a look-up of the key in the tables need not wait; else resolves when it need not any more. */
  whenKeyResident(version: Version, key: Uint8Array, keyLength: number): Promise<void> | undefined {
    return this.#when(this.#lookUp, version, key, keyLength);
  }

  /**
   * The same for cursors that go on from the key, some hundred kilobytes far; brings in what comes after as well. To look
   * costs nothing beside the reading of such a stretch, so this looks always.
   */
  whenStretchResident(version: Version, key: Uint8Array): Promise<void> | undefined {
    return this.#watch.isOff ? undefined : this.#when(this.#lookAhead, version, key, key.length);
  }

  /** Ends what waits, with UNAVAILABLE, so that no version is held any more. */
  close(): void {
    this.#warmer.close(new StorageError("UNAVAILABLE", "the engine is closing"));
  }

  readonly #lookUp: Look = (version, key, keyLength, awaited) => {
    this.#parts.begin(awaited);
    this.#parts.addForLookUp(version, key, keyLength);
    return this.#parts.ranges;
  };

  readonly #lookAhead: Look = (version, key, _keyLength, awaited) => {
    this.#parts.begin(awaited);
    this.#parts.addForStretch(version, key, stretchBytes);
    // Nobody waits for it; what it could not read, the read that needs it will meet.
    for (const range of this.#parts.ahead) this.#warmer.bringIn(range);
    return this.#parts.ranges;
  };

  #when(look: Look, version: Version, key: Uint8Array, keyLength: number): Promise<void> | undefined {
    const missing = look(version, key, keyLength, nothingAwaited);
    if (missing.length === 0) {
      this.#watch.foundResident();
      return undefined;
    }
    this.#watch.foundCold();
    this.#coldReadCount++;
    return new ColdRead(look, this.#warmer, version, key, keyLength, missing).whenResident;
  }
}
