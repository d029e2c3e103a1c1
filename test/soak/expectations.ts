/**
 * What a node may hold for each key, from what its answers have promised.
 *
 * One write of a key is under way at a time. An acknowledged one is what the key holds; one that failed, or whose
 * answer never came, may have been done or not, until a read tells. Versions count up over all keys, so that no two
 * writes are alike, and a value is made again from key and version: memory is bounded by the number of keys.
 */

/** A version that was written; 0: nothing is held. */
export type Version = number;

interface KeyState {
  held: Version;
  /** Written, with an unknown outcome. */
  maybe: Version | undefined;
}

export class Expectations {
  readonly #prefix: string;
  readonly #states: KeyState[];
  #lastVersion = 0;
  /** Keys that were written since a read last confirmed them. */
  readonly #unconfirmed = new Set<number>();

  constructor(prefix: string, keyCount: number) {
    this.#prefix = prefix;
    this.#states = Array.from({ length: keyCount }, () => ({ held: 0, maybe: undefined }));
  }

  get keyCount(): number {
    return this.#states.length;
  }

  get unconfirmed(): readonly number[] {
    return [...this.#unconfirmed];
  }

  keyOf(index: number): string {
    return `${this.#prefix}${String(index).padStart(6, "0")}`;
  }

  /** Whether only a read can tell what the key holds. */
  isUnsure(index: number): boolean {
    return this.#states[index]!.maybe !== undefined;
  }

  /** A write begins; returns its version. Settled by `acknowledge`; until then its outcome is unknown. */
  beginWrite(index: number): Version {
    return this.#begin(index, ++this.#lastVersion);
  }

  beginDelete(index: number): void {
    this.#begin(index, 0);
  }

  acknowledge(index: number): void {
    const state = this.#states[index]!;
    state.held = state.maybe!;
    state.maybe = undefined;
  }

  /** What is wrong with what a read found; `undefined` where it is as promised. */
  confirm(index: number, found: string | undefined): string | undefined {
    const state = this.#states[index]!;
    const allowed = state.maybe === undefined ? [state.held] : [state.held, state.maybe];
    const seen = allowed.find((version) => this.textOf(index, version) === found);
    if (seen === undefined) {
      const expected = allowed.map((version) => shorten(this.textOf(index, version))).join(" or ");
      return `${this.keyOf(index)}: expected ${expected}, found ${shorten(found)}`;
    }
    state.held = seen;
    state.maybe = undefined;
    this.#unconfirmed.delete(index);
    return undefined;
  }

  /** The text that was written with a version; `undefined` for none. */
  textOf(index: number, version: Version): string | undefined {
    if (version === 0) return undefined;
    const length = version % 16 === 0 ? 4000 : (version * 37) % 300;
    return `${this.keyOf(index)}#${version}#${String.fromCharCode(97 + (version % 26)).repeat(length)}`;
  }

  #begin(index: number, version: Version): Version {
    this.#states[index]!.maybe = version;
    this.#unconfirmed.add(index);
    return version;
  }
}

function shorten(value: string | undefined): string {
  if (value === undefined) return "nothing";
  return value.length > 60 ? `${value.slice(0, 40)}… (${value.length} bytes)` : value;
}
