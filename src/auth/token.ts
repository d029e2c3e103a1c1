/**
 * Tokens, as their holders have them: `pdb_ID_SECRET`, with 8 random bytes that name the token and 32 that are its
 * secret, both in lower-case hexadecimal. Sent as `authorization: Bearer pdb_…`.
 *
 * The node keeps no secret, only HMAC-SHA-256(salt, secret). 32 random bytes cannot be found by trying, so a fast hash
 * is enough.
 */
import type { Secrets } from "../platform/secrets.ts";

export const secretBytes = 32;
export const hashBytes = 32;
export const saltBytes = 16;
const idBytes = 8;

export interface Token {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly secret: Uint8Array;
}

const tokenPattern = /^pdb_([0-9a-f]{16})_([0-9a-f]{64})$/;
const bearerPattern = /^bearer +(pdb_[0-9a-f]{16}_[0-9a-f]{64})$/i;

export function createToken(secrets: Secrets): Token {
  return {
    id: Buffer.from(secrets.randomBytes(idBytes)).toString("hex"),
    secret: secrets.randomBytes(secretBytes),
  };
}

export function formatToken({ id, secret }: Token): string {
  return `pdb_${id}_${Buffer.from(secret).toString("hex")}`;
}

/** What the node keeps of a secret. */
export function hashToken(secrets: Secrets, salt: Uint8Array, secret: Uint8Array): Uint8Array {
  return secrets.hmacSha256(salt, secret);
}

export function parseToken(text: string): Token | undefined {
  const [, id, secret] = tokenPattern.exec(text) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  return { id, secret: Buffer.from(secret, "hex") };
}

/** The token in the value of an `authorization` header. */
export function bearerToken(header: string): Token | undefined {
  const text = bearerPattern.exec(header)?.[1];
  return text === undefined ? undefined : parseToken(text);
}
