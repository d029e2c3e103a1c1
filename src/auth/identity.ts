/**
 * Who makes a call, and what he may do. An identity is made once for each credential and shared by all of its calls,
 * so it never changes.
 */

export const allScopes = ["read", "write", "observe", "cluster", "admin"] as const;

/**
 * - `read`, `write`: records
 * - `observe`: status, tables, logs, configuration, live figures
 * - `cluster`: what nodes and coordinators ask of each other; not checked against conflicts of tenants
 * - `admin`: whatever changes the node itself
 */
export type Scope = (typeof allScopes)[number];

/** Scopes that are about the node as a whole: whoever is limited to tenants has none of them. */
export const nodeScopes: readonly Scope[] = ["observe", "cluster", "admin"];

export interface Identity {
  /** For people: the token's name, the certificate's, or `anonymous`. */
  readonly name: string;
  readonly kind: "anonymous" | "token" | "certificate";
  readonly scopes: ReadonlySet<Scope>;
  /** The tenants whose records the caller may touch; undefined: all. */
  readonly tenants: ReadonlySet<string> | undefined;
}

/** Whoever shows no credentials. */
export function anonymousIdentity(scopes: Iterable<Scope>): Identity {
  return { name: "anonymous", kind: "anonymous", scopes: new Set(scopes), tenants: undefined };
}
