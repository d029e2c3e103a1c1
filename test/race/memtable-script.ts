/**
 * What the threads of the race test agree on without talking: which entry every sequence number stands for, and
 * so what a memtable holds as of any sequence number.
 */
import { compareBytes } from "../../src/base/bytes.ts";
import { type EntryKind, entryKinds } from "../../src/engine/internal-key.ts";
import { seededRandom } from "../../src/platform/random.ts";

export const keyCount = 600;
/** Memtable `m` holds the sequence numbers from `m * entriesPerMemtable + 1` on. */
export const entriesPerMemtable = 4000;
export const maxValueLength = 400;
/** Every so many entries one goes to one of the first few keys. */
const hotShare = 4;
const hotKeyCount = 3;

export class RaceScript {
  /** Ascending; some are prefixes of the next. */
  readonly keys: readonly Uint8Array[];
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    const random = seededRandom(seed);
    const keys = new Map<string, Uint8Array>();
    while (keys.size < keyCount) {
      const tail = Uint8Array.from({ length: random.uint32() % 4 }, () => random.uint32() & 0xff);
      const key = Buffer.concat([
        Buffer.from(`tenant-${random.uint32() % 3}:key-${random.uint32() % 40}`),
        tail,
      ]);
      keys.set(key.toString("latin1"), new Uint8Array(key));
    }
    this.keys = [...keys.values()].sort(compareBytes);
  }

  keyIndexOf(sequence: number): number {
    const hash = this.#mix(sequence, 1);
    return hash % hotShare === 0 ? (hash >>> 8) % hotKeyCount : (hash >>> 8) % keyCount;
  }

  kindOf(sequence: number): EntryKind {
    return this.#mix(sequence, 2) % 5 === 0 ? entryKinds.tombstone : entryKinds.value;
  }

  valueLengthOf(sequence: number): number {
    const hash = this.#mix(sequence, 3);
    return hash % 10 === 0 ? maxValueLength : hash % 48;
  }

  valueByteOf(sequence: number, index: number): number {
    return (sequence * 31 + index * 7) & 0xff;
  }

  #mix(sequence: number, salt: number): number {
    let hash = Math.imul(sequence ^ Math.imul(salt, 0x27d4eb2f) ^ this.#seed, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) >>> 0;
  }
}

export function memtableNumberOf(sequence: number): number {
  return Math.floor((sequence - 1) / entriesPerMemtable);
}

export function firstSequenceOf(memtableNumber: number): number {
  return memtableNumber * entriesPerMemtable + 1;
}

/** What one memtable holds: of each key the sequence numbers, ascending. Grows with what is announced. */
export class VersionModel {
  readonly memtableNumber: number;
  readonly #script: RaceScript;
  readonly #versions: number[][] = Array.from({ length: keyCount }, () => []);
  #nextSequence: number;

  constructor(script: RaceScript, memtableNumber: number) {
    this.#script = script;
    this.memtableNumber = memtableNumber;
    this.#nextSequence = firstSequenceOf(memtableNumber);
  }

  advanceTo(sequence: number): void {
    while (this.#nextSequence <= sequence) {
      this.#versions[this.#script.keyIndexOf(this.#nextSequence)]!.push(this.#nextSequence);
      this.#nextSequence++;
    }
  }

  /** Sequence numbers of the key up to `maxSequence`, the newest first. */
  versions(keyIndex: number, maxSequence: number): number[] {
    const versions = this.#versions[keyIndex]!;
    let count = versions.length;
    while (count > 0 && versions[count - 1]! > maxSequence) count--;
    return versions.slice(0, count).reverse();
  }
}
