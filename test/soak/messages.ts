/** What the soak and its clients tell each other over their channel. */

export interface ClientSettings {
  readonly seed: number;
  readonly tenant: string;
  readonly keyCount: number;
  /** Calls in flight. */
  readonly workerCount: number;
}

export type ToClient =
  | { readonly kind: "begin"; readonly settings: ClientSettings }
  /** A node serves: check what it holds, then write until it is gone. */
  | { readonly kind: "serving"; readonly address: string }
  /** The node serves for the last time: check every key, and that there is no other one. */
  | { readonly kind: "last"; readonly address: string };

export type FromClient =
  /** Everything that a new node had to hold was there; writing begins. */
  { readonly kind: "checked" } | { readonly kind: "ended"; readonly report: ClientReport };

export interface ClientReport {
  /** The error that ended the work; `undefined` where it was done. */
  readonly endedBy: string | undefined;
  /** In all. */
  readonly acknowledgedCount: number;
  readonly refusedCount: number;
  readonly verifiedCount: number;
  /** What a node should not have answered; the first ones. */
  readonly problems: readonly string[];
}
