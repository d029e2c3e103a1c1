/**
 * Keeps reads from making the main thread wait for the disk.
 *
 * Tables are read through maps, and a page of a map that is not in memory stops the thread that touches it until the
 * disk has answered: on the main thread that stops every call. So a caller that may wait asks first; where something
 * that its read needs is not in memory, it gets a promise, and worker threads read it by ordinary reads meanwhile.
 *
 * Nothing is promised by it: what was brought in may be thrown out again before it is read, and between two looks at
 * the fault count (`fault-watch.ts`) reads do not look. The read is right all the same, and waits.
 *
 * Invariant: a version is held while its parts are brought in, so that its tables stay.
 */
import type { FileSystem } from "../../platform/file-system.ts";
import type { Version } from "../manifest/version.ts";
import type { ReadOptions } from "../options.ts";
import type { JobRunner } from "../workers/protocol.ts";
import { ColdParts } from "./cold-parts.ts";
import { nameOf } from "./cold-range.ts";
import { FaultWatch } from "./fault-watch.ts";
import { Warmer } from "./warmer.ts";

/** What a scan may read of each table before it asks again: more than a chunk and a turn of it take. */
const stretchBytes = 256 * 1024;
const nothingAwaited: ReadonlySet<string> = new Set();

export interface ResidencyStatus {
  /** Reads that waited for worker threads to bring something in. */
  readonly coldReadCount: number;
  /** What these brought in. */
  readonly broughtInCount: number;
  readonly broughtInBytes: number;
  /** How many times the main thread has waited for a page itself, when it was last looked at. */
  readonly mainThreadFaultCount: number;
}

/** Adds what is missing for a key's look-up, or for a stretch of a scan from the key. */
type Collect = (parts: ColdParts, version: Version, key: Uint8Array, keyLength: number) => void;

const forLookUp: Collect = (parts, version, key, keyLength) => parts.addForLookUp(version, key, keyLength);
const forStretch: Collect = (parts, version, key) => parts.addForStretch(version, key, stretchBytes);

export class Residency {
  readonly #watch: FaultWatch;
  readonly #warmer: Warmer;
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

  /** Undefined where a look-up of the key in the tables need not wait; else resolves when it need not any more. */
  whenKeyResident(version: Version, key: Uint8Array, keyLength: number): Promise<void> | undefined {
    return this.#when(forLookUp, version, key, keyLength);
  }

  /**
   * The same for cursors that go on from the key, some hundred kilobytes far; brings in what comes after as well. To look
   * costs nothing beside the reading of such a stretch, so this looks always.
   */
  whenStretchResident(version: Version, key: Uint8Array): Promise<void> | undefined {
    return this.#watch.isOff ? undefined : this.#when(forStretch, version, key, key.length);
  }

  #when(collect: Collect, version: Version, key: Uint8Array, keyLength: number): Promise<void> | undefined {
    const parts = new ColdParts(nothingAwaited, this.#watch.faultCount);
    collect(parts, version, key, keyLength);
    this.#readAhead(parts);
    if (parts.ranges.length === 0) {
      this.#watch.foundResident();
      return undefined;
    }
    this.#watch.foundCold();
    this.#coldReadCount++;
    // A copy: `slice` of a Buffer would be none.
    const ownKey = Uint8Array.from(key.subarray(0, keyLength));
    return this.#bringIn(collect, parts, version.acquire(), ownKey);
  }

  /** Takes over a reference on the version. */
  async #bringIn(collect: Collect, missing: ColdParts, version: Version, key: Uint8Array): Promise<void> {
    const awaited = new Set<string>();
    try {
      for (let parts = missing; parts.ranges.length > 0; ) {
        await Promise.all(parts.ranges.map((range) => this.#warmer.bringIn(range)));
        for (const range of parts.ranges) awaited.add(nameOf(range));
        parts = new ColdParts(awaited, this.#watch.faultCount);
        collect(parts, version, key, key.length);
        this.#readAhead(parts);
      }
    } finally {
      version.release();
    }
  }

  /** Nobody waits for it; what it could not read, the read that needs it will meet. */
  #readAhead({ ahead }: ColdParts): void {
    for (const range of ahead) this.#warmer.bringIn(range).catch(() => {});
  }
}
