/**
 * A walk over all records as they are stored, in the order of their engine keys, tombstones included: for whoever
 * compares, copies or counts all that there is.
 *
 *   const walk = node.walk(request);
 *   try {
 *     for (let step = walk.next(); step !== "end"; step = walk.next()) {
 *       if (step === "record") look(walk.key, walk.value);
 *       else await step;
 *     }
 *   } finally {
 *     walk.close();
 *   }
 *
 * It runs on the main thread, in slices of about two milliseconds: between them everybody else has a turn, and what comes
 * next is brought into memory.
 *
 * It reads one pinned view. Where that grew too old it goes on with a later one, behind the key that it had reached.
 *
 * Invariants:
 * 1. The cursor is moved and its bytes are looked at in one turn: a slice begins with a seek, never with an `await` after
 *    it. So whoever has to await something while the walk stands at a record calls `leave` before.
 * 2. Expired records are not shown, by one time for the whole walk.
 */
import { copyRange, emptyBytes, Slice } from "../base/bytes.ts";
import { StorageError } from "../base/errors.ts";
import { nextTurn } from "../base/next-turn.ts";
import { type EntryCursor, entryKinds, type SequenceNumber } from "../engine/internal-key.ts";
import type { Clock } from "../platform/clock.ts";
import { readLayouts } from "../versions/record.ts";
import { engineKeyRange } from "./keys.ts";
import type { RecordStore, RecordView } from "./record-store.ts";
import { checkTenantId } from "./validation.ts";

export interface WalkRequest {
  /** Empty: all tenants. */
  readonly tenantId: string;
  /** Unix seconds: a record all of whose versions were deleted before counts as absent. */
  readonly deletedBeforeSeconds: number;
  /** `TENANT:KEY` in UTF-8: begins behind this key; absent: at the first. */
  readonly afterKey?: Uint8Array;
  /** Ends the walk by its reason. */
  readonly signal?: AbortSignal;
}

/** A promise: there is nothing to look at now; ask again once it has resolved. */
export type WalkStep = "record" | "end" | Promise<void>;

const sliceMs = 2;
/** Looking at the clock costs as much as looking at a record. */
const stepsPerLook = 32;
/** Less than what a view is asked to have in memory. */
const sliceBytes = 128 * 1024;
/** Views that end before anything was read of them, one after the other. */
const maxVainViews = 5;

export class RecordWalk {
  readonly #store: RecordStore;
  readonly #clock: Clock;
  readonly #request: WalkRequest;
  readonly #start: Uint8Array | undefined;
  readonly #end: Uint8Array | undefined;
  #view: RecordView | undefined;
  #cursor: EntryCursor | undefined;
  /** Where the next slice begins, between two of them. */
  #from: Uint8Array | undefined;
  /** Whether that slice may begin. */
  #isPrepared = false;
  #vainViewCount = 0;
  #sliceEndsAtMs = 0;
  #stepsToLook = 0;
  #bytesLeft = 0;

  /** See `StorageNode.walk`. */
  constructor(store: RecordStore, clock: Clock, request: WalkRequest) {
    this.#store = store;
    this.#clock = clock;
    this.#request = request;
    const { tenantId, afterKey } = request;
    if (tenantId !== "") {
      checkTenantId(tenantId);
      const { start, end } = engineKeyRange(tenantId, "", "", "");
      this.#start = start;
      this.#end = end;
    }
    this.#from = afterKey === undefined ? (this.#start ?? emptyBytes) : behind(new Slice(afterKey));
  }

  /** `TENANT:KEY` in UTF-8, of the record where the walk stands. */
  get key(): Slice {
    return this.#cursor!.key;
  }

  /** The record, in the form of record.ts. */
  get value(): Slice {
    return this.#cursor!.value;
  }

  /** Nothing was shown that was written after this; once the walk has begun. */
  get sequence(): SequenceNumber {
    return this.#view?.sequence ?? 0;
  }

  /**
   * Goes to the next record. Throws and rejects as reads of a view do, with ABORTED where several views end before they
   * can be read, and with the signal's reason.
   */
  next(): WalkStep {
    try {
      if (this.#from !== undefined) {
        if (!this.#isPrepared) return this.#prepare(this.#from);
        this.#beginSlice(this.#from);
      } else if (!this.#step()) return this.#pause();
      return this.#passExpired() ? this.#whereItStands() : this.#pause();
    } catch (error) {
      this.#dropView(error);
      return this.next();
    }
  }

  /** Lets the caller await something before it asks for the next record; key and value are gone then. */
  leave(): void {
    this.#from ??= behind(this.key);
  }

  /** Gives the view back; a second call does nothing. */
  close(): void {
    this.#view?.close();
    this.#view = undefined;
    this.#cursor = undefined;
  }

  #whereItStands(): WalkStep {
    return this.#cursor!.valid ? "record" : "end";
  }

  #pause(): Promise<void> {
    const from = behind(this.key);
    this.#from = from;
    return this.#prepare(from);
  }

  /** Lets everybody else have a turn, and waits until what the next slice reads is in memory. */
  async #prepare(from: Uint8Array): Promise<void> {
    const { signal } = this.#request;
    await nextTurn();
    signal?.throwIfAborted();
    try {
      this.#view ??= this.#store.view();
      await this.#view.whenStretchResident(from);
      signal?.throwIfAborted();
      this.#isPrepared = true;
    } catch (error) {
      this.#dropView(error);
    }
  }

  #beginSlice(from: Uint8Array): void {
    this.#isPrepared = false;
    this.#cursor ??= this.#view!.cursor(this.#start, this.#end);
    this.#cursor.seek(from);
    this.#from = undefined;
    this.#vainViewCount = 0;
    this.#sliceEndsAtMs = this.#clock.monotonicMs() + sliceMs;
    this.#stepsToLook = stepsPerLook;
    this.#bytesLeft = sliceBytes;
  }

  /** After a view that has ended another one can be read; throws any other error, and this one after too many. */
  #dropView(error: unknown): void {
    const hasEnded = error instanceof StorageError && error.code === "ABORTED" && this.#from !== undefined;
    if (!hasEnded || ++this.#vainViewCount > maxVainViews) throw error;
    this.close();
  }

  /** False where the slice is over, before it has moved. */
  #step(): boolean {
    const cursor = this.#cursor!;
    this.#bytesLeft -= cursor.key.length + cursor.value.length;
    if (this.#bytesLeft < 0) return false;
    if (--this.#stepsToLook === 0) {
      this.#stepsToLook = stepsPerLook;
      if (this.#clock.monotonicMs() >= this.#sliceEndsAtMs) return false;
    }
    cursor.next();
    return true;
  }

  /** Goes on to a record that has not expired, or the end; false where the slice is over before. */
  #passExpired(): boolean {
    const cursor = this.#cursor!;
    while (cursor.valid && this.#isExpired(cursor)) if (!this.#step()) return false;
    return true;
  }

  #isExpired({ kind, value }: EntryCursor): boolean {
    if (kind !== entryKinds.tombstone) return false;
    const { deletedBeforeSeconds } = this.#request;
    return readLayouts(value).every((version) => version.timestampSeconds < deletedBeforeSeconds);
  }
}

/** The least key behind this one. */
function behind({ bytes, start, length }: Slice): Uint8Array {
  const key = new Uint8Array(length + 1);
  copyRange(bytes, start, length, key, 0);
  return key;
}
