/**
 * The hash by which keys lie on the ring: the first eight bytes, big-endian, of SHA-256 of `TENANT:KEY` in UTF-8, as an
 * unsigned integer. Coordinators place keys by the same one.
 */
import { readUint32BigEndian } from "../base/integers.ts";
import { utf8Length, writeUtf8 } from "../base/utf8.ts";
import { Sha256 } from "../platform/sha256.ts";

/** Hashes many keys without allocating. */
export class KeyHasher {
  /** The upper 32 bits of the last hash. */
  high = 0;
  /** The lower ones. */
  low = 0;
  readonly #sha256 = new Sha256();

  /** The whole SHA-256 of the last key; overwritten by the next one. */
  get digest(): Uint8Array {
    return this.#sha256.digest;
  }

  /** Hashes `TENANT:KEY`, as the engine's keys are. */
  hash(bytes: Uint8Array, start: number, length: number): void {
    const sha256 = this.#sha256;
    sha256.begin();
    sha256.add(bytes, start, length);
    sha256.finish();
    this.high = readUint32BigEndian(sha256.digest, 0);
    this.low = readUint32BigEndian(sha256.digest, 4);
  }
}

const hasher = new KeyHasher();

export function keyHash(tenantId: string, key: string): bigint {
  const text = `${tenantId}:${key}`;
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(bytes, 0, text);
  hasher.hash(bytes, 0, bytes.length);
  return (BigInt(hasher.high) << 32n) | BigInt(hasher.low);
}

/** As logs tell it: 16 hexadecimal digits. */
export function keyHashText(tenantId: string, key: string): string {
  return keyHash(tenantId, key).toString(16).padStart(16, "0");
}
