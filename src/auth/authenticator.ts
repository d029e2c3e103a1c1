/** From what a caller shows of himself to his identity. */
import type { PeerNames } from "./certificates.ts";
import type { Identity } from "./identity.ts";
import type { TokenProblem } from "./token-table.ts";

/** Who is at the other end of a connection; one object for each connection. */
export interface ConnectionPeer {
  readonly address: string;
  /** Of the client's certificate, where TLS asked for one and verified it. */
  readonly certificate: PeerNames | undefined;
}

/** What is wrong with credentials. */
export type CredentialProblem = TokenProblem | "oversized_credentials";

/** Why a call was refused, for logs and metrics; its caller hears less. */
export type RefusalReason = CredentialProblem | "no_credentials" | "scope" | "tenant";

/** What a caller shows of himself. */
export interface Credentials {
  /** The value of a header, null without one; its name in lower case. */
  header(name: string): string | null;
  /** Undefined where the port does not tell. */
  readonly peer: ConnectionPeer | undefined;
}

export interface Authenticator {
  /** What calls get that show nothing. */
  readonly anonymous: Identity;
  identify(credentials: Credentials): Identity | CredentialProblem;
}

/** Looks at no credentials: with `auth.mode: none`, everybody is the same. */
export function everybodyIs(anonymous: Identity): Authenticator {
  return { anonymous, identify: () => anonymous };
}
