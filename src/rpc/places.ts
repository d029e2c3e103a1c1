/** A bounded number of places for calls that stay. */
import { StorageError } from "../base/errors.ts";

export class Places {
  readonly #count: number;
  readonly #purpose: string;
  readonly #taken = new Set<() => void>();

  /** `purpose` ends the sentence "all N places for … are taken". */
  constructor(count: number, purpose: string) {
    this.#count = count;
    this.#purpose = purpose;
  }

  /** Gives what gives the place back. Throws RESOURCE_EXHAUSTED where none is left. */
  take(): () => void {
    if (this.#taken.size === this.#count) {
      throw new StorageError(
        "RESOURCE_EXHAUSTED",
        `all ${this.#count} places for ${this.#purpose} are taken; end one of these calls, or try again later`,
      );
    }
    const giveBack = () => void this.#taken.delete(giveBack);
    this.#taken.add(giveBack);
    return giveBack;
  }
}
