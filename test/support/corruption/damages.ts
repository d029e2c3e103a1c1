import { sectorBytes } from "../../../src/platform/paged-content.ts";
import { type Random, seededRandom } from "../../../src/platform/random.ts";
import { below } from "../random-operations.ts";

/** One way in which a disk spoils a file. */
export interface Damage {
  readonly path: string;
  /** What is done, and where. */
  readonly title: string;
  /** The file's bytes afterwards; `undefined`: it is gone. Leaves `bytes` as they are. */
  apply(bytes: Uint8Array): Uint8Array | undefined;
}

/** Every `stride`-th byte, somewhere within its stride. */
function* positions(sizeBytes: number, stride: number, random: Random): Generator<number> {
  for (let start = 0; start < sizeBytes; start += stride) {
    yield Math.min(sizeBytes - 1, start + below(random, stride));
  }
}

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  return copy;
}

/** A byte changed: one bit, all bits, or to zero. */
export function* byteDamages(path: string, bytes: Uint8Array, stride: number): Generator<Damage> {
  const random = seededRandom(bytes.length);
  for (const position of positions(bytes.length, stride, random)) {
    const bit = below(random, 8);
    yield {
      path,
      title: `bit ${bit} of byte ${position} turned`,
      apply: (whole) => changed(whole, (copy) => (copy[position]! ^= 1 << bit)),
    };
    yield {
      path,
      title: `byte ${position} inverted`,
      apply: (whole) => changed(whole, (copy) => (copy[position]! ^= 0xff)),
    };
    if (bytes[position] === 0) continue;
    yield {
      path,
      title: `byte ${position} set to zero`,
      apply: (whole) => changed(whole, (copy) => copy.fill(0, position, position + 1)),
    };
  }
}

/** Whole sectors: zeroed, and swapped with another one of the file. */
export function* sectorDamages(path: string, bytes: Uint8Array): Generator<Damage> {
  const sectorCount = Math.ceil(bytes.length / sectorBytes);
  const sector = (whole: Uint8Array, index: number) =>
    whole.subarray(index * sectorBytes, Math.min(whole.length, (index + 1) * sectorBytes));
  for (let index = 0; index < sectorCount; index++) {
    yield {
      path,
      title: `sector ${index} zeroed`,
      apply: (whole) => changed(whole, (copy) => sector(copy, index).fill(0)),
    };
    for (const other of new Set([index + 1, (index * 7 + 3) % sectorCount])) {
      const isWhole = (other + 1) * sectorBytes <= bytes.length && (index + 1) * sectorBytes <= bytes.length;
      if (other <= index || !isWhole) continue;
      yield {
        path,
        title: `sectors ${index} and ${other} swapped`,
        apply: (whole) =>
          changed(whole, (copy) => {
            sector(copy, index).set(sector(whole, other));
            sector(copy, other).set(sector(whole, index));
          }),
      };
    }
  }
}

/** The file cut short, its end repeated, or the file gone. */
export function* lengthDamages(path: string, bytes: Uint8Array, stride: number): Generator<Damage> {
  for (const sizeBytes of positions(bytes.length, stride, seededRandom(bytes.length + 1))) {
    yield { path, title: `cut to ${sizeBytes} bytes`, apply: (whole) => whole.slice(0, sizeBytes) };
  }
  for (const length of [1, 32, sectorBytes, bytes.length]) {
    if (length > bytes.length) continue;
    yield {
      path,
      title: `the last ${length} bytes repeated`,
      apply: (whole) => Buffer.concat([whole, whole.subarray(whole.length - length)]),
    };
  }
  yield { path, title: "removed", apply: () => undefined };
}
