/**
 * The keys of a ring, and the sealed block that they make:
 *
 *   version u8 | nonce, 12 bytes | ciphertext | tag, 16 bytes
 *
 * Version 1 is written; version 0, of old peers, has its plaintext padded to blocks of 16 (PKCS #7). The first key
 * seals and all keys open, so that keys change while a ring runs: add the new one at the end everywhere, put it first
 * everywhere, remove the old one everywhere.
 */
import { StorageError } from "../../base/errors.ts";
import { nonceBytes, openAesGcm, sealAesGcm, tagBytes } from "../../platform/aes-gcm.ts";
import type { Secrets } from "../../platform/secrets.ts";

const paddedVersion = 0;
const plainVersion = 1;
const blockBytes = 16;
const headerBytes = 1 + nonceBytes;

/** By how much a sealed block is longer than what it holds. */
export const sealOverheadBytes = headerBytes + tagBytes;

/** Each packet that none of the keys opens costs a try with every one. */
const maxKeys = 8;

export class Keyring {
  /** The one that seals comes first; never empty. */
  #keys: Uint8Array[];
  readonly #secrets: Pick<Secrets, "randomBytes">;

  /** Keys of 16, 24 or 32 bytes, the one that seals first. INVALID_ARGUMENT for others, for none and for too many. */
  constructor(keys: readonly Uint8Array[], secrets: Pick<Secrets, "randomBytes">) {
    this.#secrets = secrets;
    this.#keys = checked(keys);
  }

  /** Takes these keys in place of those that are there. Throws as the constructor does, and keeps what it has then. */
  replace(keys: readonly Uint8Array[]): void {
    this.#keys = checked(keys);
  }

  seal(plaintext: Uint8Array, additionalData: Uint8Array): Uint8Array {
    const nonce = this.#secrets.randomBytes(nonceBytes);
    const ciphertext = sealAesGcm(this.#keys[0]!, nonce, plaintext, additionalData);
    const sealed = new Uint8Array(headerBytes + ciphertext.length);
    sealed[0] = plainVersion;
    sealed.set(nonce, 1);
    sealed.set(ciphertext, headerBytes);
    return sealed;
  }

  /** `undefined` where none of the keys sealed this. */
  open(sealed: Uint8Array, additionalData: Uint8Array): Uint8Array | undefined {
    const version = sealed[0];
    if (version === undefined || version > plainVersion || sealed.length < sealOverheadBytes)
      return undefined;
    const nonce = sealed.subarray(1, headerBytes);
    const ciphertext = sealed.subarray(headerBytes);
    for (const key of this.#keys) {
      const plaintext = openAesGcm(key, nonce, ciphertext, additionalData);
      if (plaintext !== undefined) return version === paddedVersion ? withoutPadding(plaintext) : plaintext;
    }
    return undefined;
  }
}

function checked(keys: readonly Uint8Array[]): Uint8Array[] {
  if (keys.length === 0 || keys.length > maxKeys) {
    const message = `a keyring has ${keys.length} keys; allowed are 1 to ${maxKeys}`;
    throw new StorageError("INVALID_ARGUMENT", message);
  }
  const wrong = keys.find(({ length }) => ![16, 24, 32].includes(length));
  if (wrong === undefined) return keys.map((key) => key.slice());
  throw new StorageError(
    "INVALID_ARGUMENT",
    `a gossip key has ${wrong.length} bytes; allowed are 16, 24 and 32`,
  );
}

function withoutPadding(padded: Uint8Array): Uint8Array | undefined {
  const length = padded.at(-1) ?? 0;
  if (length < 1 || length > blockBytes || length > padded.length) return undefined;
  return padded.subarray(0, padded.length - length);
}
