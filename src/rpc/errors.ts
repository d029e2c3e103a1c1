/**
 * Failures as clients see them: the one table from the node's error codes to gRPC statuses.
 *
 * Every failed call carries a `storage.ErrorDetails` with the node's own code. What went wrong inside the node
 * (files, offsets, causes) stays in its log: a client gets a text that names no path, and the id of its call, by
 * which the log line is found. Deadlines and cancellations are gRPC's own and carry no detail.
 */
import { createRegistry, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { StorageError, type StorageErrorCode, storageErrorCodes } from "../base/errors.ts";
import { type ErrorCode, ErrorDetailsSchema } from "../gen/storage/storage_node_pb.ts";
import type { StatusName } from "./observer.ts";

/** The types of details, so that errors in JSON show what they hold. */
export const errorRegistry = createRegistry(ErrorDetailsSchema);

interface Translation {
  readonly status: Code;
  /** `details["reason"]`, unless the error brings its own. */
  readonly reason?: keyof typeof ErrorCode;
  /** Told instead of the error's message, which is the operator's. */
  readonly publicMessage?: string;
}

const internal = { status: Code.Internal, reason: "INTERNAL_ERROR" } as const;
const damaged = { status: Code.DataLoss, reason: "CORRUPTED_DATA" } as const;
const badRequest = { status: Code.InvalidArgument, reason: "INVALID_REQUEST" } as const;

const translations: Readonly<Record<StorageErrorCode, Translation>> = {
  INVALID_ARGUMENT: badRequest,
  KEY_NOT_FOUND: { status: Code.NotFound, reason: "KEY_NOT_FOUND" },
  KEY_TOO_LARGE: badRequest,
  VALUE_TOO_LARGE: badRequest,
  INVALID_TENANT_ID: badRequest,
  INVALID_KEY: badRequest,
  CHECKSUM_FAILED: { ...damaged, publicMessage: "a checksum of the stored data does not match" },
  ABORTED: { status: Code.Aborted },
  UNAUTHENTICATED: { status: Code.Unauthenticated },
  PERMISSION_DENIED: { status: Code.PermissionDenied },
  INTERNAL: { ...internal, publicMessage: "internal error" },
  UNAVAILABLE: { status: Code.Unavailable },
  DISK_FULL: { status: Code.ResourceExhausted, reason: "DISK_FULL" },
  DISK_THROTTLED: { status: Code.Unavailable },
  COMMIT_LOG_FAILED: { ...internal, publicMessage: "the commit log failed; the node takes no writes" },
  MEMTABLE_FAILED: { ...internal, publicMessage: "the memtable failed" },
  SSTABLE_FAILED: { ...internal, publicMessage: "a table failed" },
  CORRUPTED_DATA: { ...damaged, publicMessage: "the stored record of this key is damaged" },
  RESOURCE_EXHAUSTED: { status: Code.ResourceExhausted },
};

/** Of a message that names a file in a code whose messages are otherwise for clients. */
const withheldMessage = "the node cannot serve this call";

/** What the node's log has to hold because the client does not get it. */
export function isWithheld(error: unknown): boolean {
  if (error instanceof ConnectError) return false;
  if (!(error instanceof StorageError)) return true;
  return error.file !== undefined || translations[error.code].publicMessage !== undefined;
}

/** The node's own code of whatever was thrown. */
export function storageCodeOf(error: unknown): StorageErrorCode {
  return error instanceof StorageError ? error.code : "INTERNAL";
}

/** The status and detail of whatever an implementation threw; a `ConnectError` stays what it is. */
export function toConnectError(error: unknown, requestId: string): ConnectError {
  if (error instanceof ConnectError) return error;
  const code = storageCodeOf(error);
  const { status, reason, publicMessage } = translations[code];
  const details: Record<string, string> = reason === undefined ? {} : { reason };
  if (error instanceof StorageError) Object.assign(details, error.details);
  let message = error instanceof StorageError ? error.message : "internal error";
  if (isWithheld(error)) {
    message = `${publicMessage ?? withheldMessage}; the node's log has the cause under request ${requestId}`;
    details["request_id"] = requestId;
  }
  const failure = connectError(status, code, message, details, error);
  if (error instanceof StorageError && error.retryAfterMs !== undefined) {
    tellWhenToRetry(failure, error.retryAfterMs);
  }
  return failure;
}

/** As gRPC's clients read it, and as those of HTTP do. */
function tellWhenToRetry({ metadata }: ConnectError, retryAfterMs: number): void {
  metadata.set("grpc-retry-pushback-ms", String(retryAfterMs));
  metadata.set("retry-after", String(Math.ceil(retryAfterMs / 1000)));
}

/** The same failure, with more in its `ErrorDetails`; a failure without those (a deadline) stays as it is. */
export function withDetails(error: ConnectError, added: Readonly<Record<string, string>>): ConnectError {
  const details = error.details.map((detail) => {
    if (!("desc" in detail) || detail.desc !== ErrorDetailsSchema) return detail;
    const value = detail.value as MessageInitShape<typeof ErrorDetailsSchema>;
    return { ...detail, value: { ...value, details: { ...value.details, ...added } } };
  });
  const outgoing = details.filter((detail) => "desc" in detail);
  return new ConnectError(error.rawMessage, error.code, error.metadata, outgoing, error.cause);
}

/**
 * Gives an error that Connect itself raised (a message too large, or one that cannot be parsed) the node's code.
 * The error is changed in place, since Connect holds it already. Bytes that are no message are the sender's fault,
 * so their INTERNAL becomes INVALID_ARGUMENT; a body that is not the one framed message of a unary call is INTERNAL,
 * as gRPC's own servers have it.
 */
export function adoptConnectError(error: ConnectError): void {
  if (error.details.length > 0) return;
  const code = adoptedCode(error);
  if (code === undefined) return;
  const { status, reason } = translations[code];
  const details = reason === undefined ? {} : { reason };
  Object.assign(error, { code: status });
  error.details.push(detailOf(code, error.rawMessage, details));
}

const framingErrors =
  /^protocol error: (?:incomplete envelope|promised|missing input message|received extra)|^unexpected end flag/;

function adoptedCode(error: ConnectError): StorageErrorCode | undefined {
  if (framingErrors.test(error.rawMessage)) return "INTERNAL";
  switch (error.code) {
    case Code.InvalidArgument:
      return "INVALID_ARGUMENT";
    case Code.ResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code.Internal:
      return error.rawMessage.startsWith("parse ") ? "INVALID_ARGUMENT" : "INTERNAL";
    default:
      return undefined;
  }
}

function connectError(
  status: Code,
  code: StorageErrorCode,
  message: string,
  details: Record<string, string>,
  cause: unknown,
): ConnectError {
  return new ConnectError(message, status, undefined, [detailOf(code, message, details)], cause);
}

function detailOf(code: StorageErrorCode, message: string, details: Record<string, string>) {
  return { desc: ErrorDetailsSchema, value: { code: storageErrorCodes[code], message, details } };
}

const statusNames: Readonly<Record<Code, StatusName>> = {
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

/** gRPC's name of a failure's status. */
export function statusName(code: Code): StatusName {
  return statusNames[code];
}

const ownFaults: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** Whether a call failed through the node's own fault or state, and not for what its caller sent. */
export function isOwnFault({ code, cause }: ConnectError): boolean {
  if (code !== Code.ResourceExhausted) return ownFaults.has(code);
  // Without a cause of ours, it is a message that was too large.
  return cause instanceof StorageError && !cause.isCallersFault;
}

/** What both roads answer to a message over the limit. */
export function messageTooLarge(sizeBytes: number, limitBytes: number): ConnectError {
  return new ConnectError(
    `message size ${sizeBytes} is larger than configured readMaxBytes ${limitBytes}`,
    Code.ResourceExhausted,
  );
}
