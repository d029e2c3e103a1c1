/** What the attackers saw of the server. */
export interface AttackReport {
  /** Connections that reset streams, by the code of the GOAWAY that they got; "none" without one. */
  readonly endings: Record<string, number>;
  readonly resetCount: number;
  readonly readSlowly: { readonly reset: number; readonly lost: number; readonly receivedBytes: number };
  readonly idle: { readonly lost: number };
}
