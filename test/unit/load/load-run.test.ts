/** A load on a server in the same process. */
import { expect, test } from "bun:test";
import { type LoadOptions, LoadRun, type Work } from "../../../src/load/load-run.ts";
import { mixes } from "../../../src/load/mixes.ts";
import { keyOf, Requests } from "../../../src/load/requests.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { serverSettings } from "../../../src/server/settings.ts";
import { isOpensslThere, makeAuthority, makeCertificate } from "../../support/certificates.ts";
import { failureOf } from "../../support/rpc-clients.ts";
import { scanNode } from "../../support/scan-node.ts";
import { SettableTls } from "../../support/settable-tls.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";
import { startTestServer } from "../../support/test-server.ts";

const server = await startTestServer();
const inserts = {
  mix: { title: "inserts", shares: { insert: 1 }, keys: "uniform" },
  keys: "uniform",
} as const;

function load(
  tenantId: string,
  work: Work,
  options: Partial<LoadOptions>,
  valueBytes = 10,
  clock = systemClock,
): LoadRun {
  const random = seededRandom(7);
  const requests = new Requests(tenantId, "w", valueBytes, random);
  return new LoadRun(clock, random, requests, work, {
    hostname: "127.0.0.1",
    port: server.server.grpcPort,
    tls: undefined,
    fields: [],
    connectionCount: 2,
    inFlight: 8,
    rate: undefined,
    operationCount: 500,
    durationMs: 60_000,
    ...options,
  });
}

async function sizes(tenantId: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const range = { tenantId, startKey: "", endKey: "", prefix: "", limit: 0, keysOnly: false };
  for await (const { records } of scanNode(server.node, range)) {
    for (const { key, value } of records) found.set(key, value.length);
  }
  return found;
}

test.each([undefined, 5000])("every record is there once, with its size (rate %p)", async (rate) => {
  const tenantId = `inserts-${rate}`;
  const result = await load(tenantId, { ...inserts, recordCount: 0 }, { rate }).run();
  expect([result.succeededCount, result.failedCount]).toEqual([500, 0]);
  const expected = Array.from({ length: 500 }, (_, record) => keyOf(record)).sort();
  const found = await sizes(tenantId);
  expect([...found.keys()]).toEqual(expected);
  expect(new Set(found.values())).toEqual(new Set([10]));
});

test("values far over the server's windows arrive whole", async () => {
  const run = load("large", { ...inserts, recordCount: 0 }, { operationCount: 12 }, 3_000_000);
  expect((await run.run()).succeededCount).toBe(12);
  expect([...(await sizes("large")).values()]).toEqual(Array.from({ length: 12 }, () => 3_000_000));
});

test.each(Object.keys(mixes) as (keyof typeof mixes)[])("workload %s succeeds", async (name) => {
  const tenantId = `mix-${name}`;
  await load(tenantId, { ...inserts, recordCount: 0 }, { operationCount: 100 }).run();
  server.calls.length = 0;
  const mix = mixes[name];
  const result = await load(
    tenantId,
    { mix, keys: mix.keys, recordCount: 100 },
    { operationCount: 100 },
  ).run();
  expect(result.failures).toEqual(new Map());
  expect(result.succeededCount).toBe(100);
  expect(new Set<string>(result.latencies.keys())).toEqual(new Set(Object.keys(mix.shares)));
  expect(server.calls.filter(({ method }) => method === "Scan").length).toBe(
    result.latencies.get("scan")?.count ?? 0,
  );
  if (name !== "f") return;
  // What is written back has seen what was read.
  expect(server.calls.length).toBe(100 + result.latencies.get("read-modify-write")!.count);
  for (const record of [0, 1, 2]) {
    const { siblings } = await server.node.read(tenantId, keyOf(record), true);
    expect(siblings).toEqual([]);
  }
});

test("an open loop charges a stall to all that was due in it", async () => {
  const stallMs = 200;
  let stalledMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + stalledMs };
  server.store.syncsAtOnce = false;
  const earlierCount = server.store.putCount;
  const options = { connectionCount: 1, inFlight: 1, rate: 1000, operationCount: 100 };
  const run = load("stall", { ...inserts, recordCount: 0 }, options, 10, clock);
  const running = run.run();
  while (server.store.putCount === earlierCount) await Bun.sleep(1);
  stalledMs = stallMs;
  server.store.syncsAtOnce = true;
  server.store.sync();
  const result = await running;
  // The last one was due 100 ms after the start, so it waited for the other 100 at least.
  expect(result.latencies.get("insert")!.valueAt(0)).toBeGreaterThan(50_000);
  expect(result.latencies.get("insert")!.count).toBe(100);
});

test("a run ends after its time, with all that began", async () => {
  const options = { durationMs: 100, operationCount: Number.POSITIVE_INFINITY };
  const run = load("timed", { ...inserts, recordCount: 0 }, options);
  const result = await run.run();
  expect(result.succeededCount).toBe((await sizes("timed")).size);
  expect(run.endedCount).toBe(result.succeededCount);
});

test("refused calls are counted by status, and their times are not", async () => {
  const result = await load("no:tenant", { ...inserts, recordCount: 0 }, { operationCount: 20 }).run();
  expect(result.succeededCount).toBe(0);
  const [[status, { count, message }]] = [...result.failures] as [
    [string, { count: number; message: string }],
  ];
  expect({ status, count }).toEqual({ status: "3", count: 20 });
  expect(message).toContain("tenant");
});

test.if(isOpensslThere)("over TLS, to a server that is trusted, and to no other", async () => {
  const folder = temporaryFolder();
  const authority = makeAuthority(folder, "authority");
  const tls = new SettableTls(makeCertificate(folder, "server", "authority"));
  const secure = await startTestServer({ settings: { http2: "native", tls } });
  const options = { port: secure.server.grpcPort, operationCount: 50 };
  const trusted = load(
    "tls",
    { ...inserts, recordCount: 0 },
    { ...options, tls: { ca: authority.certificate } },
  );
  expect((await trusted.run()).succeededCount).toBe(50);
  const ca = makeAuthority(folder, "other").certificate;
  const wary = load("tls", { ...inserts, recordCount: 0 }, { ...options, tls: { ca } });
  expect(await failureOf(wary.run())).toMatchObject({ code: "UNAVAILABLE" });
  expect(secure.calls.length).toBe(50);
});

test("a closed loop comes back after refusals, and ends", async () => {
  const defaults = serverSettings().overload;
  const overload = { ...defaults, maxInFlight: { ...defaults.maxInFlight, write: 2 } };
  const narrow = await startTestServer({ settings: { overload } });
  narrow.store.syncsAtOnce = false;
  const options = { port: narrow.server.grpcPort, operationCount: 60 };
  const run = load("narrow", { ...inserts, recordCount: 0 }, options);
  const running = run.run();
  // 16 at a time: 2 are let in and stay, 14 are refused and come back.
  while (run.result.failedCount < 14) await Bun.sleep(1);
  narrow.store.syncsAtOnce = true;
  narrow.store.sync();
  const result = await running;
  expect([...result.failures.keys()]).toEqual(["14"]);
  expect(result.failedCount).toBeGreaterThanOrEqual(14);
  expect(result.succeededCount + result.failedCount).toBe(60);
});

test("a port where nobody listens fails at once", async () => {
  expect(await failureOf(load("t", { ...inserts, recordCount: 0 }, { port: 1 }).run())).toBeInstanceOf(Error);
});
