/** What the simulated file systems tell a test of each operation, so that it can crash or fail any one of them. */

/** Operations that change something: `memory` numbers these. */
export type MutationKind =
  | "create"
  | "write"
  | "sync"
  | "zero-fill"
  | "truncate"
  | "rename"
  | "link"
  | "remove"
  | "make-directory"
  | "sync-directory"
  | "lock";

/** All operations that can fail: `fault` numbers these. */
export type OperationKind =
  | MutationKind
  | "open"
  | "read"
  | "size"
  | "map"
  | "copy"
  | "status"
  | "list"
  | "usage";

export interface Operation<Kind extends OperationKind = OperationKind> {
  /** Place in the run, from 0. */
  readonly index: number;
  readonly kind: Kind;
  /** The file or directory; for `rename`, `link` and `copy` the new name. */
  readonly path: string;
}
