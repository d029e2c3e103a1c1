/** What this node shows of itself to others, and how it checks them. */

export interface PeerCredentials {
  /** The header's value; undefined: no token. */
  readonly authorization: string | undefined;
  /** Undefined: cleartext. */
  readonly tls: PeerTls | undefined;
}

/** PEM, each. */
export interface PeerTls {
  /** Left out: the system's authorities. */
  readonly authority?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name that every peer's certificate is for; left out: that of the host. */
  readonly serverName?: string | undefined;
}
