/**
 * Callers by their token or their certificate. A token wins over a certificate, and a bad token is refused whatever the
 * certificate says.
 *
 * A connection remembers the last header value that was found right on it, and its identity: until the tokens are read
 * anew, or the token expires. So a token is hashed once for each connection, not for each call.
 */
import type { Clock } from "../platform/clock.ts";
import type { Authenticator, ConnectionPeer, CredentialProblem, Credentials } from "./authenticator.ts";
import type { CertificateRules } from "./certificates.ts";
import type { Identity } from "./identity.ts";
import { bearerToken } from "./token.ts";
import type { TokenTable } from "./token-table.ts";

export interface CredentialOptions {
  readonly anonymous: Identity;
  /** Asked for at each call: another table once the file has changed. */
  readonly tokens: () => TokenTable;
  readonly certificates: CertificateRules;
  readonly clock: Clock;
}

/** What was found right on a connection. */
interface Remembered {
  readonly authorization: string | null;
  readonly table: TokenTable;
  readonly identity: Identity;
  readonly expiresAtMs: number;
}

/** Four times what a token takes. */
const mostHeaderLength = 400;

export class CredentialAuthenticator implements Authenticator {
  readonly anonymous: Identity;
  readonly #options: CredentialOptions;
  readonly #remembered = new WeakMap<ConnectionPeer, Remembered>();

  constructor(options: CredentialOptions) {
    this.anonymous = options.anonymous;
    this.#options = options;
  }

  identify(credentials: Credentials): Identity | CredentialProblem {
    const { peer } = credentials;
    const authorization = credentials.header("authorization");
    const table = this.#options.tokens();
    const remembered = peer === undefined ? undefined : this.#remembered.get(peer);
    if (remembered !== undefined && this.#holds(remembered, authorization, table)) return remembered.identity;
    const found = this.#look(authorization, peer, table);
    if (typeof found === "string") return found;
    if (peer !== undefined) this.#remembered.set(peer, found);
    return found.identity;
  }

  #holds(remembered: Remembered, authorization: string | null, table: TokenTable): boolean {
    const { expiresAtMs } = remembered;
    return (
      remembered.authorization === authorization &&
      remembered.table === table &&
      (expiresAtMs === Number.POSITIVE_INFINITY || this.#options.clock.nowMs() < expiresAtMs)
    );
  }

  #look(
    authorization: string | null,
    peer: ConnectionPeer | undefined,
    table: TokenTable,
  ): Remembered | CredentialProblem {
    if (authorization === null) {
      const identity = this.#byCertificate(peer) ?? this.anonymous;
      return { authorization, table, identity, expiresAtMs: Number.POSITIVE_INFINITY };
    }
    if (authorization.length > mostHeaderLength) return "oversized_credentials";
    const known = table.verify(bearerToken(authorization));
    if (typeof known === "string") return known;
    return { authorization, table, identity: known.identity, expiresAtMs: known.expiresAtMs };
  }

  #byCertificate(peer: ConnectionPeer | undefined): Identity | undefined {
    return peer?.certificate === undefined
      ? undefined
      : this.#options.certificates.identify(peer.certificate);
  }
}
