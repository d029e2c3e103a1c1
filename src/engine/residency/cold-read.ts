/**
 * A read that waits until the parts of tables that it needs are in memory.
 *
 * Only what arrives tells what else is needed (a filter may have been wrong, the block's place stands in an index), so
 * the read looks again each time that all it asked for is there, until nothing is missing.
 *
 * Invariant: the version is held from the beginning to the end, so that its tables stay.
 */
import { copyRange } from "../../base/bytes.ts";
import type { Version } from "../manifest/version.ts";
import type { ColdRange } from "./cold-range.ts";
import type { RangeWaiter, Warmer } from "./warmer.ts";

/** What a read from the key on has to wait for, apart from what it awaited before; valid until the next look. */
export type Look = (
  version: Version,
  key: Uint8Array,
  keyLength: number,
  awaited: readonly ColdRange[],
) => readonly ColdRange[];

export class ColdRead implements RangeWaiter {
  readonly #look: Look;
  readonly #warmer: Warmer;
  readonly #version: Version;
  readonly #key: Uint8Array;
  readonly #awaited: ColdRange[] = [];
  readonly #end = Promise.withResolvers<void>();
  #missingCount = 0;
  #hasEnded = false;

  /** Begins with what its first look has found. Takes a reference on the version, and a copy of the key. */
  constructor(
    look: Look,
    warmer: Warmer,
    version: Version,
    key: Uint8Array,
    keyLength: number,
    missing: readonly ColdRange[],
  ) {
    this.#look = look;
    this.#warmer = warmer;
    this.#version = version.acquire();
    this.#key = new Uint8Array(keyLength);
    copyRange(key, 0, keyLength, this.#key, 0);
    this.#ask(missing);
  }

  /** Resolves when all is there; rejects where the disk cannot read it, and where the engine closes. */
  get whenResident(): Promise<void> {
    return this.#end.promise;
  }

  arrived(): void {
    if (--this.#missingCount > 0 || this.#hasEnded) return;
    try {
      const missing = this.#look(this.#version, this.#key, this.#key.length, this.#awaited);
      if (missing.length > 0) {
        this.#ask(missing);
        return;
      }
    } catch (error) {
      this.failed(error);
      return;
    }
    this.#release();
    this.#end.resolve();
  }

  failed(error: unknown): void {
    if (this.#hasEnded) return;
    this.#release();
    this.#end.reject(error);
  }

  #ask(missing: readonly ColdRange[]): void {
    this.#missingCount = missing.length;
    for (const range of missing) {
      this.#awaited.push(range);
      this.#warmer.bringIn(range, this);
    }
  }

  #release(): void {
    this.#hasEnded = true;
    this.#version.release();
  }
}
