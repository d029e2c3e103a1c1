/**
 * The keys and values that all contestants in this process store, and the check of what comes back.
 *
 * A value begins with its key's number and its version, which every read looks at; the rest follows from these two
 * and is compared in one read of 16. It compresses to about half, like db_bench's.
 */
import { seededRandom } from "../../src/platform/random.ts";
import { keyBytes } from "./settings.ts";

const poolBytes = 2 ** 20;
const stampBytes = 8;
const digits = 14;

export class Workload {
  /** The key of `setKey`. */
  readonly key = Buffer.alloc(keyBytes, "t:user0000000000000000000");
  /** The value of `setValue`. */
  readonly value: Buffer;
  readonly #pool = compressiblePool();
  #checkCount = 0;

  constructor(valueBytes: number) {
    this.value = Buffer.alloc(valueBytes);
  }

  get entryBytes(): number {
    return keyBytes + this.value.length;
  }

  /** Of an entry that is there. */
  setKey(number: number): void {
    this.#writeKey(2 * number);
  }

  /** Of one that is not, between two that are. */
  setMissingKey(number: number): void {
    this.#writeKey(2 * number + 1);
  }

  setValue(number: number, version: number): void {
    const { value } = this;
    const from = this.#poolOffset(number, version);
    this.#pool.copy(value, stampBytes, from, from + value.length - stampBytes);
    value.writeUInt32LE(number, 0);
    value.writeUInt32LE(version, 4);
  }

  /** Throws unless the value at `start` is one that `setValue` made for this number. */
  check(bytes: Uint8Array, start: number, length: number, number: number): void {
    const stamp =
      bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 24);
    if (length !== this.value.length || stamp !== number) {
      throw new Error(`the value of entry ${number} is wrong: ${length} bytes, for entry ${stamp}`);
    }
    if ((this.#checkCount++ & 15) === 0) this.#checkRest(bytes, start, number);
  }

  #checkRest(bytes: Uint8Array, start: number, number: number): void {
    const version = Buffer.from(bytes.buffer, bytes.byteOffset + start, stampBytes).readUInt32LE(4);
    const from = this.#poolOffset(number, version);
    for (let index = 0; index < this.value.length - stampBytes; index++) {
      if (bytes[start + stampBytes + index] === this.#pool[from + index]) continue;
      throw new Error(`the value of entry ${number} is wrong at byte ${stampBytes + index}`);
    }
  }

  #writeKey(number: number): void {
    const { key } = this;
    for (let position = keyBytes - 1; position >= keyBytes - digits; position--) {
      key[position] = 48 + (number % 10);
      number = Math.floor(number / 10);
    }
  }

  #poolOffset(number: number, version: number): number {
    return (number * 97 + version * 31) % (poolBytes - this.value.length);
  }
}

/** 50 random bytes, the same 50 again, and so on. */
function compressiblePool(): Buffer {
  const random = seededRandom(11);
  const pool = Buffer.alloc(poolBytes);
  for (let position = 0; position < poolBytes; position++) {
    pool[position] = position % 100 < 50 ? 32 + (random.uint32() % 95) : pool[position - 50]!;
  }
  return pool;
}

/** Fisher and Yates' shuffle of 0 … count - 1, the same in every run. */
export function shuffled(count: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const random = seededRandom(seed);
  for (let index = count - 1; index > 0; index--) {
    const other = random.uint32() % (index + 1);
    [order[index], order[other]] = [order[other]!, order[index]!];
  }
  return order;
}

/** Numbers below `bound`, with repetitions. */
export function randomNumbers(count: number, bound: number, seed: number): Uint32Array {
  const random = seededRandom(seed);
  return Uint32Array.from({ length: count }, () => random.uint32() % bound);
}
