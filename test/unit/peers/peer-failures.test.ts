import { expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { StorageError, type StorageErrorCode, storageErrorCodes } from "../../../src/base/errors.ts";
import { ErrorDetailsSchema } from "../../../src/gen/storage/storage_node_pb.ts";
import { isUnimplemented } from "../../../src/migration/peer.ts";
import { isTransient } from "../../../src/migration/retries.ts";
import { isOfConnection, peerFailure } from "../../../src/peers/peer-failures.ts";

function refusal(status: Code, code?: StorageErrorCode, headers: Record<string, string> = {}): ConnectError {
  const error = new ConnectError("it says why", status, headers);
  if (code !== undefined) {
    const value = { code: storageErrorCodes[code], message: "it says why", details: { index: "3" } };
    // As a client finds it: details that came are bytes.
    error.findDetails = (() => [value]) as unknown as ConnectError["findDetails"];
    error.details.push({ desc: ErrorDetailsSchema, value });
  }
  return error;
}

test.each<[Code, StorageErrorCode | undefined, StorageErrorCode, boolean, boolean]>([
  // status, the node's own code, what it becomes, whether it may pass, whether the connection is given up
  [Code.InvalidArgument, "VALUE_TOO_LARGE", "VALUE_TOO_LARGE", false, false],
  [Code.InvalidArgument, undefined, "INVALID_ARGUMENT", false, false],
  [Code.ResourceExhausted, "DISK_FULL", "DISK_FULL", true, false],
  [Code.ResourceExhausted, undefined, "RESOURCE_EXHAUSTED", true, false],
  [Code.Unavailable, "DISK_THROTTLED", "DISK_THROTTLED", true, false],
  [Code.Unavailable, "UNAVAILABLE", "UNAVAILABLE", true, false],
  [Code.Unavailable, undefined, "UNAVAILABLE", true, true],
  [Code.DeadlineExceeded, undefined, "UNAVAILABLE", true, true],
  [Code.Internal, "COMMIT_LOG_FAILED", "UNAVAILABLE", true, false],
  [Code.DataLoss, "CORRUPTED_DATA", "UNAVAILABLE", true, false],
  [Code.Unauthenticated, "UNAUTHENTICATED", "PERMISSION_DENIED", false, false],
  [Code.PermissionDenied, "PERMISSION_DENIED", "PERMISSION_DENIED", false, false],
])("%p with %p is %s here", (status, code, expected, mayPass, givesUp) => {
  const error = refusal(status, code);
  const failure = peerFailure(error, "the node", "BatchWrite");
  expect([failure.code, isTransient(failure), isOfConnection(error)]).toEqual([expected, mayPass, givesUp]);
  expect(failure.message).toContain("it says why");
});

test("what the peer does not know is told apart", () => {
  const failure = peerFailure(refusal(Code.Unimplemented), "the node", "BatchWrite");
  expect([isUnimplemented(failure), isTransient(failure)]).toEqual([true, false]);
  expect(failure.message).toBe("the node does not know BatchWrite: it runs other software");
});

test("details and the pause that the peer asks for are handed on", () => {
  const error = refusal(Code.Unavailable, "UNAVAILABLE", { "grpc-retry-pushback-ms": "250" });
  const failure = peerFailure(error, "the node", "BatchWrite");
  expect([failure.retryAfterMs, failure.details["index"]]).toEqual([250, "3"]);
});

test("an error of ours stays what it is, anything else is the connection's", () => {
  const own = new StorageError("PERMISSION_DENIED", "not there");
  expect([peerFailure(own, "the node", "Repair"), isOfConnection(own)]).toEqual([own, false]);
  expect(peerFailure(new TypeError("odd"), "the node", "Repair")).toMatchObject({ code: "UNAVAILABLE" });
  expect(isOfConnection(new TypeError("odd"))).toBe(true);
});
