import { describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  InvariantViolation,
  StorageError,
  type StorageErrorCode,
  storageErrorCodes,
} from "../../../src/base/errors.ts";
import { ErrorCode, ErrorDetailsSchema } from "../../../src/gen/storage/storage_node_pb.ts";
import {
  adoptConnectError,
  isWithheld,
  statusName,
  storageCodeOf,
  toConnectError,
} from "../../../src/rpc/errors.ts";

const allCodes = Object.keys(storageErrorCodes) as StorageErrorCode[];

function detailsOf(error: ConnectError) {
  return error.details.map((detail) => ("desc" in detail ? detail.value : undefined)) as {
    code: number;
    message: string;
    details: Record<string, string>;
  }[];
}

const reasonOf = (error: unknown) => detailsOf(toConnectError(error, "id"))[0]!.details["reason"];

describe("toConnectError", () => {
  test("every code gets a status of its own kind and one detail with its number", () => {
    for (const code of allCodes) {
      const error = toConnectError(new StorageError(code, "m"), "id");
      expect(error.code).not.toBe(Code.Unknown);
      expect(error.details).toMatchObject([
        { desc: ErrorDetailsSchema, value: { code: storageErrorCodes[code] } },
      ]);
    }
  });

  test("a reason is always the name of an ErrorCode", () => {
    const reasons = allCodes.map((code) => reasonOf(new StorageError(code, "m")));
    const known = reasons.filter((reason) => reason !== undefined);
    expect(known.length).toBeGreaterThan(10);
    for (const reason of known) expect(ErrorCode[reason as keyof typeof ErrorCode]).toBeNumber();
  });

  test("a reason that the error brings wins", () => {
    expect(reasonOf(new StorageError("UNAVAILABLE", "m", { details: { reason: "NODE_DRAINING" } }))).toBe(
      "NODE_DRAINING",
    );
    expect(
      reasonOf(new StorageError("RESOURCE_EXHAUSTED", "m", { details: { reason: "MEMORY_PRESSURE" } })),
    ).toBe("MEMORY_PRESSURE");
  });

  test("a client's own mistake is told in full", () => {
    const error = toConnectError(new StorageError("INVALID_KEY", "the key holds a NUL"), "id");
    expect(error.rawMessage).toBe("the key holds a NUL");
    expect(detailsOf(error)[0]!.details).toEqual({ reason: "INVALID_REQUEST" });
  });

  test("no message that names a file gets out, whatever its code", () => {
    for (const code of allCodes) {
      const thrown = new StorageError(code, "data/commitlog/000007.log is odd", {
        file: "data/commitlog/000007.log",
      });
      const error = toConnectError(thrown, "id-7");
      expect(JSON.stringify([error.rawMessage, detailsOf(error)])).not.toContain("000007");
      expect(error.rawMessage).toContain("id-7");
      expect(detailsOf(error)[0]!.details["request_id"]).toBe("id-7");
    }
  });

  test("what is not ours, and a broken invariant, are INTERNAL and keep their text to themselves", () => {
    for (const thrown of [new TypeError("x is undefined"), new InvariantViolation("x"), "x", undefined]) {
      const error = toConnectError(thrown, "id-8");
      expect([error.code, storageCodeOf(thrown), isWithheld(thrown)]).toEqual([
        Code.Internal,
        "INTERNAL",
        true,
      ]);
      expect(error.rawMessage).toBe("internal error; the node's log has the cause under request id-8");
      expect(error.cause).toBe(thrown);
    }
  });

  test("a ConnectError stays what it is", () => {
    const error = new ConnectError("late", Code.DeadlineExceeded);
    expect(toConnectError(error, "id")).toBe(error);
    expect(isWithheld(error)).toBe(false);
  });
});

describe("adoptConnectError", () => {
  test.each([
    [
      "message size 9 is larger than configured readMaxBytes 8",
      Code.ResourceExhausted,
      Code.ResourceExhausted,
      2008,
    ],
    ["parse binary: premature EOF", Code.Internal, Code.InvalidArgument, 1000],
    ["cannot decode message from JSON", Code.InvalidArgument, Code.InvalidArgument, 1000],
    ["protocol error: incomplete envelope", Code.InvalidArgument, Code.Internal, 2000],
    ["protocol error: missing input message for unary method", Code.Unimplemented, Code.Internal, 2000],
    [
      "protocol error: received extra input message for unary method",
      Code.Unimplemented,
      Code.Internal,
      2000,
    ],
    ["serialize binary: cannot encode", Code.Internal, Code.Internal, 2000],
  ])("%s", (message, code, status, number) => {
    const error = new ConnectError(message, code);
    adoptConnectError(error);
    expect(error.code).toBe(status);
    expect(detailsOf(error).map((detail) => detail.code)).toEqual([number]);
    expect(error.rawMessage).toBe(message);
  });

  test("leaves alone what has a detail, and what is gRPC's own", () => {
    const ours = toConnectError(new StorageError("INVALID_KEY", "m"), "id");
    adoptConnectError(ours);
    expect(ours.details.length).toBe(1);
    for (const code of [Code.DeadlineExceeded, Code.Canceled, Code.Unimplemented]) {
      const error = new ConnectError("m", code);
      adoptConnectError(error);
      expect([error.code, error.details.length]).toEqual([code, 0]);
    }
  });
});

test("statuses have gRPC's names", () => {
  expect(statusName(Code.Canceled)).toBe("CANCELLED");
  expect(statusName(Code.DataLoss)).toBe("DATA_LOSS");
  expect(statusName(Code.Unauthenticated)).toBe("UNAUTHENTICATED");
});
