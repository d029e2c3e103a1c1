/** AES-GCM with a tag of 16 bytes; keys of 16, 24 or 32 bytes, nonces of 12 that are never used twice with a key. */
import { type CipherGCMTypes, createCipheriv, createDecipheriv } from "node:crypto";

export const nonceBytes = 12;
export const tagBytes = 16;

/** The ciphertext, as long as the plaintext, and the tag after it. */
export function sealAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv(algorithmOf(key), key, nonce).setAAD(additionalData);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** `undefined` where key, nonce, additional data and bytes do not belong together. */
export function openAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < tagBytes) return undefined;
  const decipher = createDecipheriv(algorithmOf(key), key, nonce).setAAD(additionalData);
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  const plaintext = decipher.update(sealed.subarray(0, sealed.length - tagBytes));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plaintext;
}

function algorithmOf(key: Uint8Array): CipherGCMTypes {
  return `aes-${8 * key.length}-gcm` as CipherGCMTypes;
}
