/** What calls of the client fail with: one class, and two of its kind that carry what is held. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Entry, Sibling } from "./entry.ts";
import { ErrorDetailsSchema } from "./gen/storage/storage_node_pb.ts";

/** gRPC's names of statuses, and CONFLICT, SIBLINGS and WRITER_ID_SHARED, which this client makes itself. */
export type PairDbErrorCode =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED"
  | "CONFLICT"
  | "SIBLINGS"
  | "WRITER_ID_SHARED";

const codeNames: Readonly<Record<Code, PairDbErrorCode>> = {
  [Code.Canceled]: "CANCELLED",
  [Code.Unknown]: "UNKNOWN",
  [Code.InvalidArgument]: "INVALID_ARGUMENT",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
  [Code.NotFound]: "NOT_FOUND",
  [Code.AlreadyExists]: "ALREADY_EXISTS",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.ResourceExhausted]: "RESOURCE_EXHAUSTED",
  [Code.FailedPrecondition]: "FAILED_PRECONDITION",
  [Code.Aborted]: "ABORTED",
  [Code.OutOfRange]: "OUT_OF_RANGE",
  [Code.Unimplemented]: "UNIMPLEMENTED",
  [Code.Internal]: "INTERNAL",
  [Code.Unavailable]: "UNAVAILABLE",
  [Code.DataLoss]: "DATA_LOSS",
  [Code.Unauthenticated]: "UNAUTHENTICATED",
};

export interface PairDbErrorOptions {
  readonly cause?: unknown;
  /** The node's own code, 1000 and up. */
  readonly nodeCode?: number;
  /** What the node says beside its message, such as `reason`. */
  readonly details?: Readonly<Record<string, string>>;
}

export class PairDbError extends Error {
  override readonly name: string = "PairDbError";
  readonly code: PairDbErrorCode;
  readonly nodeCode: number | undefined;
  readonly details: Readonly<Record<string, string>>;

  constructor(code: PairDbErrorCode, message: string, options: PairDbErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.nodeCode = options.nodeCode;
    this.details = options.details ?? {};
  }
}

/** The key holds something else than the caller has seen. Nothing was written. */
export class ConflictError extends PairDbError {
  override readonly name = "ConflictError";
  /** What the key holds; undefined where it is absent or deleted. */
  readonly current: Entry | undefined;

  constructor(key: string, current: Entry | undefined) {
    super("CONFLICT", `key ${JSON.stringify(key)} has changed since it was read`);
    this.current = current;
  }
}

/** The key holds concurrent versions, and nobody said how to resolve them. Nothing was written. */
export class SiblingsError extends PairDbError {
  override readonly name = "SiblingsError";
  readonly siblings: readonly Sibling[];

  constructor(key: string, siblings: readonly Sibling[]) {
    super(
      "SIBLINGS",
      `key ${JSON.stringify(key)} holds ${siblings.length} concurrent versions: give the client a \`resolve\``,
    );
    this.siblings = siblings;
  }
}

/** A failed call as an error of ours, with the node's own code where it sent one; anything else stays what it is. */
export function explainFailure(error: unknown): unknown {
  if (!(error instanceof ConnectError)) return error;
  const [details] = error.findDetails(ErrorDetailsSchema);
  const code = codeNames[error.code];
  if (details === undefined) return new PairDbError(code, error.rawMessage, { cause: error });
  const { code: nodeCode, details: more, message } = details;
  return new PairDbError(code, message, { cause: error, nodeCode, details: more });
}
