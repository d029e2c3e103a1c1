/** What a node refuses that has too much to do, as clients of every protocol see it. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { serverSettings } from "../../src/server/settings.ts";
import { everyClient, failureOf } from "../support/rpc-clients.ts";
import { startTestServer } from "../support/test-server.ts";
import { until } from "../support/until.ts";

const { overload } = serverSettings();
const value = new Uint8Array(1);

async function refusalOf(call: Promise<unknown>): Promise<ConnectError> {
  const error = await failureOf(call);
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

describe("calls in flight", async () => {
  const maxInFlight = { ...overload.maxInFlight, write: 1, scan: 1 };
  const server = await startTestServer({ settings: { overload: { ...overload, maxInFlight } } });
  const clients = everyClient(server);
  afterAll(() => clients.forEach((client) => void client.close()));
  afterEach(() => {
    server.refusedLoad.length = 0;
  });

  test.each(clients)("$name: one write too many is told when to come again", async ({ client }) => {
    server.store.syncsAtOnce = false;
    const { putCount } = server.store;
    const first = client.write({ tenantId: "t", key: "k", value });
    await until(() => server.store.putCount === putCount + 1);
    const refusal = await refusalOf(client.write({ tenantId: "t", key: "k", value }));
    expect(refusal.code).toBe(Code.Unavailable);
    expect(refusal.rawMessage).toContain("1 calls of the class write are in flight, which is the limit");
    expect(refusal.metadata.get("grpc-retry-pushback-ms")).toBe("100");
    expect(refusal.metadata.get("retry-after")).toBe("1");
    expect(server.refusedLoad).toEqual([{ workClass: "write", reason: "in_flight_limit" }]);
    expect(server.server.load.inFlight.write).toBe(1);
    // Nobody else suffers from it.
    expect((await client.read({ tenantId: "t", key: "none" })).success).toBe(false);
    expect((await client.healthCheck({})).healthy).toBe(true);
    server.store.syncsAtOnce = true;
    server.store.sync();
    expect((await first).success).toBe(true);
    expect((await client.write({ tenantId: "t", key: "k", value })).success).toBe(true);
    await until(() => server.server.load.inFlight.write === 0);
  });

  test.each(clients)("$name: a scan whose caller left makes room for the next", async ({ client }) => {
    const large = new Uint8Array(1 << 20);
    for (let i = 0; i < 8; i++) await client.write({ tenantId: "large", key: `k${i}`, value: large });
    const abort = new AbortController();
    const scan = client.scan({ tenantId: "large" }, { signal: abort.signal })[Symbol.asyncIterator]();
    await scan.next();
    const refusal = await refusalOf(Array.fromAsync(client.scan({ tenantId: "large" })));
    expect(refusal.code).toBe(Code.Unavailable);
    expect(server.refusedLoad).toEqual([{ workClass: "scan", reason: "in_flight_limit" }]);
    abort.abort();
    await until(() => server.server.load.inFlight.scan === 0);
    expect((await Array.fromAsync(client.scan({ tenantId: "large" }))).length).toBeGreaterThan(0);
    await until(() => server.server.load.inFlight.scan === 0);
  });
});

test("a tenant above its rate is refused, and no other", async () => {
  const tenantRate = { requestsPerSecond: 0.001, burst: 3 };
  const server = await startTestServer({ settings: { overload: { ...overload, tenantRate } } });
  const clients = everyClient(server);
  afterAll(() => clients.forEach((client) => void client.close()));
  const [first] = clients;
  for (let i = 0; i < 3; i++) await first!.client.read({ tenantId: "busy", key: "k" });
  for (const { client } of clients) {
    const refusal = await refusalOf(client.read({ tenantId: "busy", key: "k" }));
    expect(refusal.code).toBe(Code.ResourceExhausted);
    expect(refusal.rawMessage).toContain('the tenant "busy" sends more than 0.001 requests a second');
    expect(Number(refusal.metadata.get("grpc-retry-pushback-ms"))).toBeWithin(1, 1_000_001);
  }
  expect((await first!.client.read({ tenantId: "quiet", key: "k" })).success).toBe(false);
  expect(new Set(server.refusedLoad.map(({ reason }) => reason))).toEqual(new Set(["tenant_rate"]));
});

test("while the main thread is late, calls are shed", async () => {
  const limits = { ...overload, maxLagMs: 200, shedOrder: ["write"] as const };
  const server = await startTestServer({ settings: { overload: limits } });
  const clients = everyClient(server);
  afterAll(() => clients.forEach((client) => void client.close()));
  const { client } = clients[0]!;
  for (let sample = 0; sample < 3; sample++) server.tellLag(800);
  expect(server.server.load.pressure).toBe(1);
  const writes = await Promise.allSettled(
    Array.from({ length: 16 }, (_, i) => client.write({ tenantId: "t", key: `k${i}`, value })),
  );
  expect(writes.filter(({ status }) => status === "rejected")).toHaveLength(15);
  expect(new Set(server.refusedLoad.map(({ reason }) => reason))).toEqual(new Set(["event_loop_lag"]));
  expect((await client.read({ tenantId: "t", key: "none" })).success).toBe(false);
});
