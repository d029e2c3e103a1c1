/**
 * The tokens that a node knows. Whatever is presented costs one hash and one comparison: a token that is not known, and
 * what is no token at all, are compared with a row that no secret fits, so that time does not tell them apart.
 */
import type { Clock } from "../platform/clock.ts";
import type { Secrets } from "../platform/secrets.ts";
import type { Identity } from "./identity.ts";
import { hashBytes, hashToken, saltBytes, secretBytes, type Token } from "./token.ts";
import type { TokenRow } from "./token-file.ts";

export interface KnownToken {
  readonly identity: Identity;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
  /** Since the Unix epoch; infinite for a token that does not expire. */
  readonly expiresAtMs: number;
}

export type TokenProblem = "malformed_token" | "bad_token" | "expired_token";

const noSecret = new Uint8Array(secretBytes);

export class TokenTable {
  readonly #secrets: Secrets;
  readonly #clock: Clock;
  readonly #tokens: ReadonlyMap<string, KnownToken>;
  readonly #nobody: Pick<KnownToken, "salt" | "hash">;

  constructor(rows: readonly TokenRow[], secrets: Secrets, clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
    this.#tokens = new Map(rows.map((row) => [row.id, knownToken(row)]));
    this.#nobody = { salt: secrets.randomBytes(saltBytes), hash: secrets.randomBytes(hashBytes) };
  }

  get size(): number {
    return this.#tokens.size;
  }

  /** `token` is undefined where what was presented is none. */
  verify(token: Token | undefined): KnownToken | TokenProblem {
    const known = token === undefined ? undefined : this.#tokens.get(token.id);
    const { salt, hash } = known ?? this.#nobody;
    const presented = hashToken(this.#secrets, salt, token?.secret ?? noSecret);
    const isRight = this.#secrets.areEqual(presented, hash);
    if (token === undefined) return "malformed_token";
    if (known === undefined || !isRight) return "bad_token";
    return this.#clock.nowMs() < known.expiresAtMs ? known : "expired_token";
  }
}

function knownToken({ name, scopes, tenants, salt, hash, expiresAtMs }: TokenRow): KnownToken {
  const identity: Identity = {
    name,
    kind: "token",
    scopes: new Set(scopes),
    tenants: tenants === undefined ? undefined : new Set(tenants),
  };
  return { identity, salt, hash, expiresAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY };
}
