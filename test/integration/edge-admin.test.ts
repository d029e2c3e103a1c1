/** The admin service over the wire, over a store whose long work the tests begin and end. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { AdminService } from "../../src/gen/pairdb/admin/v1/admin_pb.ts";
import { engineStatus } from "../support/engine-status.ts";
import { everyClient, failureOf } from "../support/rpc-clients.ts";
import { startTestServer } from "../support/test-server.ts";
import { until } from "../support/until.ts";

const server = await startTestServer();
const clients = everyClient(server);
const admin = clients[0]!.of(AdminService);
afterAll(() => clients.forEach((client) => void client.close()));

beforeEach(() => {
  server.store.requests.length = 0;
  server.store.currentStatus = engineStatus;
});

async function refusalOf(call: Promise<unknown>): Promise<[Code, string]> {
  const { code, rawMessage } = ConnectError.from(await failureOf(call));
  return [code, rawMessage];
}

function stepsOf<T>(stream: AsyncIterable<T>): AsyncIterator<T> {
  return stream[Symbol.asyncIterator]();
}

describe.each(clients.map((client) => [client.name, client.of(AdminService)] as const))(
  "by %s",
  (_, client) => {
    test("tells how the node is", async () => {
      expect(await client.getStatus({})).toMatchObject({
        nodeId: "node-1",
        version: "1.2.3",
        startedAtUnixMs: 1_700_000_000_000n,
        uptimeSeconds: 1.5,
        health: { status: "healthy", isReady: true, phase: "serving" },
        process: {
          memoryBytes: 7000n,
          memoryLimitBytes: 90_000n,
          threadCount: 9,
          longestEventLoopLagSeconds: 0.06,
        },
        disk: { totalBytes: 1000n, state: "ok" },
        memtables: { activeBytes: 100n, activeEntryCount: 5n, frozenCount: 1 },
        cache: { hitsSinceStart: 70n, missesSinceStart: 30n },
        compaction: { isPaused: false, writeAmplification: 4 },
        store: { storeId: "store", lastSequence: 12n, durableSequence: 11n, tableCount: 5 },
        logLevel: "info",
      });
      const { levels } = await client.listLevels({});
      expect(levels).toMatchObject([
        { level: 0, tableCount: 2, filterNegativesSinceStart: 40n, writeAmplification: 2.5 },
        { level: 1, tableCount: 3, jobCountSinceStart: 7n },
      ]);
      expect((await client.getConfiguration({})).settings).toMatchObject([
        { key: "server.port", value: "50052" },
      ]);
      expect(await client.whoAmI({})).toMatchObject({
        name: "anonymous",
        kind: "anonymous",
        isLimitedToTenants: false,
      });
    });

    test("watches", async () => {
      const samples = stepsOf(client.watchStats({ intervalMs: 500 }));
      expect((await samples.next()).value).toMatchObject({ intervalSeconds: 0, level0TableCount: 2 });
      await samples.return?.();
    });
  },
);

test("flushes, pauses and resumes", async () => {
  await admin.flush({});
  await admin.pauseCompaction({});
  expect((await admin.getStatus({})).compaction?.isPaused).toBe(true);
  await admin.resumeCompaction({});
  expect((await admin.getStatus({})).compaction?.isPaused).toBe(false);
  expect(server.store.requests).toEqual(["flush", "pause", "resume"]);
});

describe("compaction", () => {
  test("tells its progress and its end", async () => {
    const steps = stepsOf(admin.compact({ tenantId: "t", startKey: "a" }));
    expect((await steps.next()).value).toMatchObject({
      isDone: false,
      compactedBytes: 0n,
      approximateRangeBytes: 94n,
    });
    expect(server.store.requests).toEqual(["compact t:a to t;"]);
    const { work } = engineStatus;
    server.store.currentStatus = {
      ...engineStatus,
      runningCompactionCount: 2,
      work: { ...work, compactedBytes: work.compactedBytes + 70 },
    };
    expect((await steps.next()).value).toMatchObject({ isDone: false, compactedBytes: 70n, runningCount: 2 });
    server.store.compactions.pop()!.resolve();
    expect((await steps.next()).value).toMatchObject({ isDone: true, compactedBytes: 70n });
    expect((await steps.next()).done).toBe(true);
  });

  test("its failure is the call's", async () => {
    const steps = stepsOf(admin.compact({}));
    await steps.next();
    server.store.compactions.pop()!.reject(new RangeError("boom"));
    expect((await refusalOf(steps.next()))[0]).toBe(Code.Internal);
  });

  test("a bad range takes no place; one that runs keeps its own, whoever listens", async () => {
    for (let count = 0; count < 20; count++) {
      const bad = stepsOf(admin.compact({ tenantId: "t", startKey: "b", endKey: "a" }));
      expect((await refusalOf(bad.next()))[0]).toBe(Code.InvalidArgument);
    }
    server.calls.length = 0;
    for (let count = 0; count < 8; count++) {
      const abort = new AbortController();
      await stepsOf(admin.compact({}, { signal: abort.signal })).next();
      abort.abort();
    }
    await until(() => server.calls.filter(({ status }) => status === "CANCELLED").length === 8);
    expect(await refusalOf(stepsOf(admin.compact({})).next())).toEqual([
      Code.ResourceExhausted,
      "all 8 places for Compact are taken; end one of these calls, or try again later",
    ]);
    for (const compaction of server.store.compactions.splice(0)) compaction.resolve();
    const steps = stepsOf(admin.compact({}));
    await steps.next();
    server.store.compactions.pop()!.resolve();
    expect((await steps.next()).value).toMatchObject({ isDone: true });
  });
});

test("makes checkpoints, two at a time", async () => {
  expect(await admin.checkpoint({ name: "first" })).toMatchObject({
    directory: "/checkpoints/first",
    sequence: 7n,
    copiedBytes: 10n,
  });
  expect((await refusalOf(admin.checkpoint({ name: "../first" })))[0]).toBe(Code.InvalidArgument);
  const { checkpointResult } = server.store;
  const slow = Promise.withResolvers<Awaited<ReturnType<typeof checkpointResult>>>();
  server.store.checkpointResult = () => slow.promise;
  const running = [admin.checkpoint({ name: "a" }), admin.checkpoint({ name: "b" })];
  await until(() => server.store.requests.length === 3);
  expect((await refusalOf(admin.checkpoint({ name: "c" })))[0]).toBe(Code.ResourceExhausted);
  slow.resolve(await checkpointResult());
  await Promise.all(running);
  server.store.checkpointResult = checkpointResult;
  expect((await admin.checkpoint({ name: "c" })).tableCount).toBe(2);
});

test("lists tenants, and deletes one that is named twice", async () => {
  const { client } = clients[0]!;
  for (const tenantId of ["a", "b", "c"])
    await client.write({ tenantId, key: "k", value: new Uint8Array(1) });
  const first = await admin.listTenants({ pageSize: 2 });
  expect(first.tenants.map(({ tenantId }) => tenantId)).toEqual(["a", "b"]);
  const second = await admin.listTenants({ pageSize: 2, pageToken: first.nextPageToken });
  expect([second.tenants.map(({ tenantId }) => tenantId), second.nextPageToken]).toEqual([["c"], ""]);

  for (const confirmTenantId of ["", "B", "b "]) {
    expect((await refusalOf(admin.deleteTenant({ tenantId: "b", confirmTenantId })))[0]).toBe(
      Code.InvalidArgument,
    );
  }
  expect((await refusalOf(admin.deleteTenant({})))[0]).toBe(Code.InvalidArgument);
  expect(await admin.deleteTenant({ tenantId: "b", confirmTenantId: "b" })).toMatchObject({
    approximateBytes: 100n,
    isLocalOnly: true,
  });
  expect((await admin.listTenants({})).tenants.map(({ tenantId }) => tenantId)).toEqual(["a", "c"]);
});

test("changes the log's level", async () => {
  expect((await admin.setLogLevel({ level: "debug" })).previousLevel).toBe("info");
  expect((await admin.getStatus({})).logLevel).toBe("debug");
  expect(await refusalOf(admin.setLogLevel({ level: "loud" }))).toEqual([
    Code.InvalidArgument,
    "level is none; allowed is debug, info, warn, error",
  ]);
  await admin.setLogLevel({ level: "info" });
});

test.each([
  ["a page too large", () => admin.listTables({ pageSize: 1001 })],
  ["a token that is none", () => admin.listTables({ pageToken: "x" })],
  ["a tenant page too large", () => admin.listTenants({ pageSize: 1001 })],
  ["a token that is no tenant", () => admin.listTenants({ pageToken: "a:b" })],
  ["an interval too short", () => stepsOf(admin.watchStats({ intervalMs: 499 })).next()],
  ["an interval too long", () => stepsOf(admin.watchStats({ intervalMs: 60_001 })).next()],
])("refuses %s", async (_, call) => {
  expect((await refusalOf(call()))[0]).toBe(Code.InvalidArgument);
});

test("streams end with UNAVAILABLE at once when the node stops, and the compaction is not waited for", async () => {
  const stopping = await startTestServer();
  const every = everyClient(stopping);
  const streams = every.flatMap((client) => {
    const service = client.of(AdminService);
    return [
      stepsOf<unknown>(service.watchStats({ intervalMs: 60_000 })),
      stepsOf<unknown>(service.compact({})),
    ];
  });
  for (const stream of streams) await stream.next();
  const ends = streams.map((stream) => {
    // A compaction may tell its progress once more.
    const end = async () => {
      while ((await stream.next()).done !== true);
    };
    return refusalOf(end());
  });
  expect(await stopping.server.shutdown()).toBe(true);
  for (const end of ends) expect((await end)[0]).toBe(Code.Unavailable);
  for (const client of every) client.close();
});
