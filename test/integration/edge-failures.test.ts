/** Every failure of the node as a client sees it: status, code, text. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { InvariantViolation, StorageError, type StorageErrorCode } from "../../src/base/errors.ts";
import { ErrorDetailsSchema } from "../../src/gen/storage/storage_node_pb.ts";
import { everyClient, failureOf, grpcClient } from "../support/rpc-clients.ts";
import { testNode } from "../support/test-node.ts";
import { startTestServer } from "../support/test-server.ts";

const server = await startTestServer({ settings: { maxResponseBytes: 100_000 } });
const clients = everyClient(server);
const { client } = clients[0]!;
const reportingClient = grpcClient(await startTestServer({ node: testNode({ staleWrite: "report" }) }));
afterAll(() => {
  reportingClient.close();
  for (const each of clients) each.close();
});
afterEach(() => {
  server.store.putError = undefined;
  server.store.viewError = undefined;
  server.failures.length = 0;
});

async function connectFailureOf(call: Promise<unknown>): Promise<ConnectError> {
  const error = await failureOf(call);
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

function detailsOf(error: ConnectError) {
  const details = error.findDetails(ErrorDetailsSchema);
  expect(details.length).toBe(1);
  return details[0]!;
}

const write = (each = client, timeoutMs?: number) =>
  each.write(
    { tenantId: "t", key: "k", value: new Uint8Array(1) },
    timeoutMs === undefined ? {} : { timeoutMs },
  );

const contract: [StorageErrorCode, number, Code][] = [
  ["INVALID_ARGUMENT", 1000, Code.InvalidArgument],
  ["KEY_NOT_FOUND", 1001, Code.NotFound],
  ["KEY_TOO_LARGE", 1002, Code.InvalidArgument],
  ["VALUE_TOO_LARGE", 1003, Code.InvalidArgument],
  ["INVALID_TENANT_ID", 1004, Code.InvalidArgument],
  ["INVALID_KEY", 1005, Code.InvalidArgument],
  ["CHECKSUM_FAILED", 1006, Code.DataLoss],
  ["INTERNAL", 2000, Code.Internal],
  ["UNAVAILABLE", 2001, Code.Unavailable],
  ["DISK_FULL", 2002, Code.ResourceExhausted],
  ["DISK_THROTTLED", 2003, Code.Unavailable],
  ["COMMIT_LOG_FAILED", 2004, Code.Internal],
  ["MEMTABLE_FAILED", 2005, Code.Internal],
  ["SSTABLE_FAILED", 2006, Code.Internal],
  ["CORRUPTED_DATA", 2007, Code.DataLoss],
  ["RESOURCE_EXHAUSTED", 2008, Code.ResourceExhausted],
  ["ABORTED", 1008, Code.Aborted],
  ["UNAUTHENTICATED", 1100, Code.Unauthenticated],
  ["PERMISSION_DENIED", 1101, Code.PermissionDenied],
];

describe.each(clients.map(({ name, client }) => [name, client] as const))("%s", (_, each) => {
  test.each(contract)("%s has code %i and its status", async (code, number, status) => {
    server.store.putError = new StorageError(code, "the message", { details: { extra: "1" } });
    const error = await connectFailureOf(write(each));
    expect(error.code).toBe(status);
    const details = detailsOf(error);
    expect(details.code).toBe(number);
    expect(details.message).toBe(error.rawMessage);
    expect(details.details["extra"]).toBe("1");
  });

  test("a view that grew too old ends its scan with ABORTED", async () => {
    await write();
    server.store.viewError = new StorageError("ABORTED", "the view grew too old");
    const error = await connectFailureOf(Array.fromAsync(each.scan({ tenantId: "t" })));
    expect([error.code, detailsOf(error).code]).toEqual([Code.Aborted, 1008]);
  });

  test("a deadline ends the call without detail, and its write may happen", async () => {
    const key = "late";
    server.store.syncsAtOnce = false;
    const call = each.write({ tenantId: "t", key, value: new Uint8Array(2) }, { timeoutMs: 40 });
    const error = await connectFailureOf(call);
    expect([error.code, error.details.length]).toEqual([Code.DeadlineExceeded, 0]);
    server.store.syncsAtOnce = true;
    server.store.sync();
    expect((await each.read({ tenantId: "t", key })).success).toBe(true);
  });
});

describe("what a client may not see", () => {
  test("a message that names a file stays in the log, and the request's id leads there", async () => {
    server.store.putError = new StorageError(
      "CORRUPTED_DATA",
      "data/sstables/000012.sst at byte 9: bad block",
      {
        file: "data/sstables/000012.sst",
        offset: 9,
      },
    );
    const error = await connectFailureOf(write());
    const details = detailsOf(error);
    expect(JSON.stringify([error.rawMessage, details.details])).not.toMatch(/sstables|000012|\.sst/);
    expect(details.details["reason"]).toBe("CORRUPTED_DATA");
    const [failure] = server.failures;
    expect(failure).toMatchObject({ method: "Write", code: "CORRUPTED_DATA", error: server.store.putError });
    expect(details.details["request_id"]).toBe(failure!.requestId);
    expect(error.rawMessage).toContain(failure!.requestId);
  });

  test.each([
    ["an error of no class of ours", new TypeError("secret is undefined")],
    ["a broken invariant", new InvariantViolation("secret order")],
  ])("%s is INTERNAL with a general text", async (_, thrown) => {
    server.store.putError = thrown;
    const error = await connectFailureOf(write());
    expect([error.code, detailsOf(error).code]).toEqual([Code.Internal, 2000]);
    expect(error.message).not.toContain("secret");
    expect(server.failures.map((failure) => failure.error)).toEqual([thrown]);
  });

  test("what is meant for the client is told to it alone", async () => {
    const error = await connectFailureOf(client.write({ tenantId: "a:b", key: "k" }));
    expect(error.rawMessage).toContain(":");
    expect(detailsOf(error).details["reason"]).toBe("INVALID_REQUEST");
    expect(server.failures).toEqual([]);
  });
});

describe("in-band and limits", () => {
  test("a full disk refuses writes with its reason, and lets deletes through", async () => {
    server.fillDisk(960);
    server.clock.advance(1000);
    const error = await connectFailureOf(write());
    expect([error.code, detailsOf(error).details["reason"]]).toEqual([Code.ResourceExhausted, "DISK_FULL"]);
    expect((await client.delete({ tenantId: "t", key: "k" })).success).toBe(true);
    server.fillDisk(0);
    server.clock.advance(1000);
  });

  test("a repair needs a clock", async () => {
    const error = await connectFailureOf(
      client.repair({ tenantId: "t", key: "k", value: new Uint8Array(1) }),
    );
    expect([error.code, detailsOf(error).code]).toEqual([Code.InvalidArgument, 1000]);
  });

  test("an answer over the limit is refused with its size and the limit, one below it is not", async () => {
    await client.write({ tenantId: "t", key: "big", value: new Uint8Array(100_000) });
    const error = await connectFailureOf(client.read({ tenantId: "t", key: "big" }));
    expect([error.code, detailsOf(error).code]).toEqual([Code.ResourceExhausted, 2008]);
    expect(error.rawMessage).toMatch(/100\d\d\d bytes.*100000/);
    await client.write({ tenantId: "t", key: "big", value: new Uint8Array(99_900) });
    expect((await client.read({ tenantId: "t", key: "big" })).value.length).toBe(99_900);
  });

  test("a resume token of another range is refused", async () => {
    const resumeToken = new TextEncoder().encode("a");
    const scan = (request: object) =>
      Array.fromAsync(client.scan({ tenantId: "t", resumeToken, ...request }));
    expect((await connectFailureOf(scan({ startKey: "b" }))).code).toBe(Code.InvalidArgument);
    expect((await connectFailureOf(scan({ endKey: "a" }))).code).toBe(Code.InvalidArgument);
    const noText = new Uint8Array([0xff]);
    expect((await connectFailureOf(scan({ resumeToken: noText }))).code).toBe(Code.InvalidArgument);
  });

  test("a call whose caller leaves is reported as CANCELLED", async () => {
    server.store.syncsAtOnce = false;
    const abort = new AbortController();
    const [callCount, putCount] = [server.calls.length, server.store.putCount];
    const call = client.write({ tenantId: "t", key: "left" }, { signal: abort.signal });
    while (server.store.putCount === putCount) await Bun.sleep(1);
    abort.abort();
    expect((await connectFailureOf(call)).code).toBe(Code.Canceled);
    while (server.calls.length === callCount) await Bun.sleep(1);
    expect(server.calls.at(-1)).toMatchObject({ method: "Write", status: "CANCELLED" });
    server.store.syncsAtOnce = true;
    server.store.sync();
  });
});

test("a stale write is told in-band where the node reports those, and a stale repair succeeds", async () => {
  const clock = (timestamp: bigint) => ({
    entries: [{ coordinatorNodeId: "c", logicalTimestamp: timestamp }],
  });
  const { client: each } = reportingClient;
  const value = new Uint8Array(1);
  await each.write({ tenantId: "t", key: "k", value, vectorClock: clock(5n) });
  const stale = await each.write({ tenantId: "t", key: "k", value, vectorClock: clock(4n) });
  expect(stale.success).toBe(false);
  expect(stale.errorMessage).toStartWith("stale write");
  expect(stale.updatedVectorClock?.entries[0]?.logicalTimestamp).toBe(5n);
  expect((await each.repair({ tenantId: "t", key: "k", value, vectorClock: clock(4n) })).success).toBe(true);
});
