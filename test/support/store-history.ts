import { expect } from "bun:test";
import { Slice } from "../../src/base/bytes.ts";
import type { Engine } from "../../src/engine/engine.ts";
import {
  type EntryCursor,
  type EntryKind,
  entryKinds,
  type FoundEntry,
} from "../../src/engine/internal-key.ts";
import { isExpiredEntry } from "./random-operations.ts";

export interface HistoryEntry {
  readonly key: string;
  readonly kind: EntryKind;
  readonly value: string;
}

/** The keys in [start, end); without an end, all from `start` on. */
export interface HistoryRange {
  readonly start: string;
  readonly end: string | undefined;
}

/** One step from a state of the store to the next. */
interface Change {
  readonly sequence: number;
  /** The last sequence number of the batch that it belongs to. */
  readonly batchEnd: number;
  readonly change: HistoryEntry | HistoryRange;
}

export function newFound(): FoundEntry {
  return { value: new Slice(), sequence: 0, kind: entryKinds.value };
}

/** What a store, or a view of it, holds for a key; `undefined` where that is nothing, or has expired. */
export function lookUp(store: Pick<Engine, "get">, key: string): string | undefined {
  const bytes = Buffer.from(key, "latin1");
  const found = newFound();
  return store.get(bytes, bytes.length, found) ? describeFound(found) : undefined;
}

function describeFound({ kind, sequence, value }: FoundEntry): string | undefined {
  const valueText = text(value);
  return isExpiredEntry(kind, valueText) ? undefined : describe(kind, sequence, valueText);
}

function text(slice: Slice): string {
  return Buffer.from(slice.copy()).toString("latin1");
}

function describe(kind: EntryKind, sequence: number, value: string): string {
  return `${kind === entryKinds.value ? "value" : "tombstone"}@${sequence} ${value}`;
}

/** Everything that was written, in order: what a store must hold as of any sequence number. */
export class StoreHistory {
  readonly #changes: Change[] = [];
  /** Entries up to here were acknowledged as durable. */
  acknowledged = 0;

  get length(): number {
    return this.#changes.length;
  }

  /** Notes entries that the store took together; `lastSequence` is the last one's number. */
  append(entries: readonly HistoryEntry[], lastSequence: number): void {
    entries.forEach((entry, index) => {
      const sequence = lastSequence - entries.length + 1 + index;
      this.#changes.push({ change: entry, sequence, batchEnd: lastSequence });
    });
  }

  deleteRange(range: HistoryRange, sequence: number): void {
    this.#changes.push({ change: range, sequence, batchEnd: sequence });
  }

  acknowledge(sequence: number): void {
    this.acknowledged = Math.max(this.acknowledged, sequence);
  }

  /** Forgets what came after `sequence`, as a store does that recovered up to there. */
  cutAfter(sequence: number): void {
    const kept = this.#changes.filter((change) => change.sequence <= sequence);
    this.#changes.splice(0, Infinity, ...kept);
  }

  /** A store that acknowledges too early is simulated by taking everything as acknowledged. */
  copy(): StoreHistory {
    const copy = new StoreHistory();
    copy.#changes.push(...this.#changes);
    copy.acknowledged = this.acknowledged;
    return copy;
  }

  /** Key to what the store must hold for it; a key whose newest entry has expired counts as absent. */
  stateAt(sequence: number): Map<string, string> {
    const state = new Map<string, string>();
    for (const { change, sequence: number } of this.#changes) {
      if (number > sequence) break;
      if (!("key" in change)) for (const [key] of sorted(state, change.start, change.end)) state.delete(key);
      else if (isExpiredEntry(change.kind, change.value)) state.delete(change.key);
      else state.set(change.key, describe(change.kind, number, change.value));
    }
    return state;
  }

  /** Everything that the key has ever held. */
  statesOf(key: string): string[] {
    return this.#changes.flatMap(({ change, sequence }) =>
      "key" in change && change.key === key ? describe(change.kind, sequence, change.value) : [],
    );
  }

  /** The sequence number of what the key was last touched by; 0 for none. */
  lastChangeOf(key: string): number {
    const last = this.#changes.findLast(({ change }) =>
      "key" in change
        ? change.key === key
        : change.start <= key && (change.end === undefined || key < change.end),
    );
    return last?.sequence ?? 0;
  }

  /** Whether a crash may leave exactly the entries up to `sequence`: no batch in halves. */
  isBatchEnd(sequence: number): boolean {
    if (sequence === 0) return true;
    return this.#changes.some(({ batchEnd }) => batchEnd === sequence);
  }

  /**
   * Checks a store that came back from a crash: it holds a prefix of the history, with no batch in halves and
   * nothing acknowledged missing. The history goes on from there.
   */
  checkRecovered(engine: Engine): void {
    const { lastSequence } = engine.status();
    if (lastSequence < this.acknowledged) {
      throw new Error(`acknowledged up to ${this.acknowledged}, but recovered only up to ${lastSequence}`);
    }
    if (!this.isBatchEnd(lastSequence)) throw new Error(`recovered half of a batch: up to ${lastSequence}`);
    this.checkContents(engine, lastSequence);
    this.cutAfter(lastSequence);
    this.acknowledged = lastSequence;
  }

  /** Checks that scan and look-ups both give the state as of `sequence`. */
  checkContents(engine: Engine, sequence: number): void {
    const state = this.stateAt(sequence);
    const view = engine.view();
    try {
      expect(scan(view.cursor())).toEqual(sorted(state));
    } finally {
      view.close();
    }
    for (const key of new Set(this.#changes.flatMap(({ change }) => ("key" in change ? change.key : [])))) {
      expect(lookUp(engine, key)).toBe(state.get(key));
    }
  }
}

/** Everything that a cursor yields, by key, but for what has expired. */
export function scan(cursor: EntryCursor): [string, string][] {
  return takeEntries(cursor, false, Number.POSITIVE_INFINITY);
}

/** The next `count` of them: from the start, or after where the cursor stands. */
export function takeEntries(cursor: EntryCursor, isBegun: boolean, count: number): [string, string][] {
  const seen: [string, string][] = [];
  if (isBegun) cursor.next();
  else cursor.rewind();
  for (; cursor.valid; cursor.next()) {
    const value = text(cursor.value);
    if (isExpiredEntry(cursor.kind, value)) continue;
    seen.push([text(cursor.key), describe(cursor.kind, cursor.sequence, value)]);
    if (seen.length === count) break;
  }
  return seen;
}

export function sorted(state: Map<string, string>, start = "", end?: string): [string, string][] {
  return [...state]
    .filter(([key]) => key >= start && (end === undefined || key < end))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
