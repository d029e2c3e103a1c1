/**
 * What reads did, in plain fields that the read path raises where it stands: a read costs no call, no allocation and
 * no look at the clock for it. Only one look-up in `sampledLookups` is timed.
 */
import type { Clock } from "../../platform/clock.ts";
import { levelCount } from "../manifest/version-edit.ts";
import type { EngineObserver } from "../observer.ts";
import { DurationHistogram } from "./histogram.ts";

/** A power of two. */
const sampledLookups = 64;

/** Counts of one table or of all tables of a level; whoever reads a table raises them. */
export class TableReadCounters {
  /** Look-ups that the filter ended. */
  bloomNegatives = 0;
  /** Look-ups that the filter let through for a key that is not there. */
  bloomFalsePositives = 0;
  /** Data blocks entered by look-ups, one for each that the filter let through. */
  blockReads = 0;
  /** Data blocks entered by cursors. */
  scanBlockReads = 0;
}

export class ReadStatistics {
  /** Look-ups in the engine. */
  getCount = 0;
  /** Look-ups that no memtable and no cache answered. */
  tableLookupCount = 0;
  /** A table counts for the level that it lies in. */
  readonly levels: readonly TableReadCounters[] = Array.from(
    { length: levelCount },
    () => new TableReadCounters(),
  );
  /** Of the look-ups in tables that were timed. */
  readonly tableLookupDurations = new DurationHistogram();
  readonly #clock: Clock;
  readonly #observer: EngineObserver;

  constructor({ clock, observer }: { readonly clock: Clock; readonly observer: EngineObserver }) {
    this.#clock = clock;
    this.#observer = observer;
  }

  /** A look-up in tables begins; what this gives goes to `endTableLookup`. */
  beginTableLookup(): number {
    return (this.tableLookupCount++ & (sampledLookups - 1)) === 0 ? this.#clock.monotonicMs() : -1;
  }

  endTableLookup(startedMs: number): void {
    if (startedMs < 0) return;
    const durationMs = this.#clock.monotonicMs() - startedMs;
    this.tableLookupDurations.add(durationMs);
    this.#observer.tableLookupTimed(durationMs);
  }
}
