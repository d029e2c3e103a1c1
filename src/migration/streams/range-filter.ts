/** Whether a key, as the engine has it, lies in the hash ranges of a stream. */
import type { Slice } from "../../base/bytes.ts";
import { KeyHasher } from "../../versions/key-hash.ts";
import type { HashRanges } from "../hash-ranges.ts";

export class RangeFilter {
  readonly #hasher = new KeyHasher();
  readonly #ranges: HashRanges;

  constructor(ranges: HashRanges) {
    this.#ranges = ranges;
  }

  includes({ bytes, start, length }: Slice): boolean {
    this.#hasher.hash(bytes, start, length);
    return this.#ranges.indexOf(this.#hasher.high, this.#hasher.low) >= 0;
  }
}
