/**
 * Failures of calls to peers, as whoever asked this node sees them: what the peer said, without taking its faults for
 * this node's own, or its refusal of this node for one of the caller.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { messageOf, StorageError, type StorageErrorCode, storageErrorCodeOf } from "../base/errors.ts";
import { ErrorDetailsSchema } from "../gen/storage/storage_node_pb.ts";
import { unimplementedBy } from "../migration/peer.ts";

/** Codes that mean the same when they are handed on. */
const handedOn: ReadonlySet<StorageErrorCode> = new Set([
  "INVALID_ARGUMENT",
  "KEY_TOO_LARGE",
  "VALUE_TOO_LARGE",
  "INVALID_TENANT_ID",
  "INVALID_KEY",
  "ABORTED",
  "DISK_FULL",
  "DISK_THROTTLED",
  "RESOURCE_EXHAUSTED",
]);

/** Of statuses that come without the node's own code. */
const codeOfStatus: Partial<Record<Code, StorageErrorCode>> = {
  [Code.InvalidArgument]: "INVALID_ARGUMENT",
  [Code.ResourceExhausted]: "RESOURCE_EXHAUSTED",
  [Code.Aborted]: "ABORTED",
};

/** `peer` names it in the message. Everything that is the peer's own trouble is UNAVAILABLE. */
export function peerFailure(error: unknown, peer: string, method: string): StorageError {
  if (error instanceof StorageError) return error;
  if (!(error instanceof ConnectError)) {
    return new StorageError("UNAVAILABLE", `the call to ${peer} failed: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (error.code === Code.Unimplemented) return unimplementedBy(peer, method);
  if (error.code === Code.Unauthenticated || error.code === Code.PermissionDenied) {
    const message = `${peer} does not let this node in: ${error.rawMessage}; see cluster.token_file and cluster.tls`;
    return new StorageError("PERMISSION_DENIED", message, { cause: error });
  }
  const [details] = error.findDetails(ErrorDetailsSchema);
  const code = details === undefined ? codeOfStatus[error.code] : storageErrorCodeOf(details.code);
  const retryAfterMs = Number(error.metadata.get("grpc-retry-pushback-ms") ?? Number.NaN);
  return new StorageError(
    code !== undefined && handedOn.has(code) ? code : "UNAVAILABLE",
    `${peer} ${details === undefined ? "cannot be called" : "refused"}: ${error.rawMessage}`,
    {
      details: details?.details ?? {},
      cause: error,
      ...(retryAfterMs >= 0 ? { retryAfterMs } : {}),
    },
  );
}

/** Whether the connection may be to blame: the next call is to open a new one. */
export function isOfConnection(error: unknown): boolean {
  if (error instanceof StorageError) return false;
  if (!(error instanceof ConnectError)) return true;
  const isCertain = error.findDetails(ErrorDetailsSchema).length > 0 || error.code in codeOfStatus;
  return !isCertain && error.code !== Code.Unimplemented;
}

/** Whether the peer takes only smaller calls. */
export function isTooLarge(error: unknown): boolean {
  if (!(error instanceof StorageError)) return false;
  if (error.code === "INVALID_ARGUMENT") return error.details["limit"] !== undefined;
  return error.code === "RESOURCE_EXHAUSTED" && / larger than /.test(error.message);
}
