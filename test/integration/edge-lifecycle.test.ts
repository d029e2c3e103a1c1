/** From the first open port to the last: what is answered while the node starts, and how it stops. */
import { afterAll, describe, expect, test } from "bun:test";
import { connect } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { StorageError } from "../../src/base/errors.ts";
import { ErrorDetailsSchema } from "../../src/gen/storage/storage_node_pb.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { OpenStore } from "../../src/server/node-server.ts";
import { noBackups } from "../support/no-backups.ts";
import { noStreams } from "../support/no-streams.ts";
import {
  everyClient,
  failureOf,
  grpcClient,
  type NamedClient,
  type StorageClient,
} from "../support/rpc-clients.ts";
import { createTestServer, type TestServer, type TestServerOptions } from "../support/test-server.ts";
import { until } from "../support/until.ts";

const cleanUps: (() => unknown)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
});

function newServer(options: TestServerOptions = {}): TestServer {
  const created = createTestServer(options);
  cleanUps.push(() => created.server.shutdown());
  return created;
}

async function startedServer(options: TestServerOptions = {}): Promise<TestServer> {
  const started = newServer(options);
  expect(await started.server.start()).toBe(true);
  return started;
}

function clientOf(server: TestServer): NamedClient {
  const client = grpcClient(server);
  cleanUps.push(() => client.close());
  return client;
}

const get = async (server: TestServer, path: string) => {
  const response = await fetch(server.httpUrl + path);
  return [response.status, await response.json()];
};

async function codeOf(call: Promise<unknown>): Promise<Code> {
  return ConnectError.from(await failureOf(call)).code;
}

const value = new Uint8Array([1]);

/** Records of a mebibyte each: more than the windows of any client hold. */
async function storeLarge(client: StorageClient, count: number): Promise<void> {
  const large = new Uint8Array(1 << 20);
  for (let i = 0; i < count; i++) await client.write({ tenantId: "t", key: `k${i}`, value: large });
}

describe("start", () => {
  test("the HTTP port answers while the store recovers, the gRPC port opens after it", async () => {
    const recovery = Promise.withResolvers<void>();
    const server = newServer({
      openStore: async ({ node, administration }) => {
        await recovery.promise;
        return { node, administration, streams: noStreams, backups: noBackups, close: async () => undefined };
      },
    });
    const started = server.server.start();
    expect(await get(server, "/health/live")).toMatchObject([200, { status: "alive" }]);
    for (const path of ["/ready", "/health/ready"]) {
      expect(await get(server, path)).toMatchObject([
        503,
        { ready: false, phase: "commit log", percent: 40 },
      ]);
    }
    expect(server.server.grpcPort).toBe(0);
    const early = everyClient(server).at(-1)!.client;
    const refusal = ConnectError.from(await failureOf(early.read({ tenantId: "t", key: "k" })));
    expect([refusal.code, refusal.findDetails(ErrorDetailsSchema)[0]?.code]).toEqual([
      Code.Unavailable,
      2001,
    ]);
    expect(server.rejections).toEqual(["not_serving"]);

    recovery.resolve();
    expect(await started).toBe(true);
    expect(await get(server, "/ready")).toMatchObject([200, { ready: true, phase: "serving" }]);
    expect((await early.write({ tenantId: "t", key: "k", value })).success).toBe(true);
    expect((await clientOf(server).client.read({ tenantId: "t", key: "k" })).success).toBe(true);
  });

  test("a store that does not open ends the start with its error, and the port is free again", async () => {
    const refusal = new StorageError("UNAVAILABLE", "another process has the data directory");
    const server = newServer({ openStore: () => Promise.reject(refusal) });
    const starting = server.server.start();
    const { httpPort } = server.server;
    expect(await failureOf(starting)).toBe(refusal);
    const next = await startedServer({ settings: { httpPort } });
    expect(next.server.httpPort).toBe(httpPort);
  });

  test.each(["grpcPort", "httpPort"] as const)(
    "a %s that is taken is named, and nothing stays open",
    async (name) => {
      const taken = await startedServer();
      const server = newServer({ settings: { [name]: taken.server[name] } });
      const failure = (await failureOf(server.server.start())) as StorageError;
      expect(failure.code).toBe("UNAVAILABLE");
      expect(failure.message).toContain(`127.0.0.1:${taken.server[name]}: another process listens there`);
      expect(failure.message).toContain(name === "grpcPort" ? "--grpc-port" : "--http-port");
      expect(server.milestones).toEqual(name === "grpcPort" ? ["store closed"] : []);
    },
  );

  test("a shutdown during the recovery is the end of the start", async () => {
    const recovery = Promise.withResolvers<OpenStore>();
    const server = newServer({ openStore: () => recovery.promise });
    const started = server.server.start();
    const stopped = server.server.shutdown();
    recovery.resolve({
      ...server,
      streams: noStreams,
      backups: noBackups,
      close: async () => void server.milestones.push("store closed"),
    });
    expect(await started).toBe(false);
    expect(await stopped).toBe(true);
    expect(server.milestones).toEqual(["stopping", "store closed"]);
  });
});

describe("shutdown", () => {
  test("an idle node ends at once, whatever is connected to it", async () => {
    // What it waited for would never come.
    const server = await startedServer({ settings: { shutdownTimeoutMs: 24 * 3_600_000 } });
    const clients = everyClient(server);
    cleanUps.push(() => clients.forEach((client) => void client.close()));
    for (const { client } of clients) expect((await client.healthCheck({})).healthy).toBe(true);
    const idle = connect(server.grpcUrl);
    idle.on("error", () => undefined);
    await new Promise((resolve) => idle.once("connect", resolve));

    expect(await server.server.shutdown()).toBe(true);
    expect(server.milestones).toEqual(["serving", "stopping", "store closed"]);
    idle.destroy();
  });

  test("a scan whose client reads goes on to its end", async () => {
    const server = await startedServer();
    const { client } = clientOf(server);
    await storeLarge(client, 16);
    const stream = client.scan({ tenantId: "t" })[Symbol.asyncIterator]();
    await stream.next();
    const stopped = server.server.shutdown();
    let entryCount = 1;
    for (let step = await stream.next(); step.done !== true; step = await stream.next()) {
      entryCount += step.value.entries.length;
    }
    expect(entryCount).toBe(16);
    expect(await stopped).toBe(true);
    expect(server.calls.at(-1)).toMatchObject({ method: "Scan", status: "OK" });
  });

  test("scans that nobody reads end when the time is over", async () => {
    const server = await startedServer({ settings: { shutdownTimeoutMs: 600 } });
    const clients = everyClient(server);
    cleanUps.push(() => clients.forEach((client) => void client.close()));
    await storeLarge(clients[0]!.client, 16);
    // Of each only the first message is read: the server waits for room in their windows.
    const streams = clients.map(({ client }) => client.scan({ tenantId: "t" })[Symbol.asyncIterator]());
    for (const stream of streams) expect((await stream.next()).value?.entries.length).toBe(1);
    expect(await server.server.shutdown()).toBe(false);
    expect(server.milestones).toEqual(["serving", "stopping", "store closed"]);
    await until(() => server.store.openViewCount === 0);
  });

  test("calls in flight and on their way are served, new connections are not, and only then the store closes", async () => {
    const server = await startedServer();
    const { client } = clientOf(server);
    server.store.syncsAtOnce = false;
    const write = client.write({ tenantId: "t", key: "k", value });
    await until(() => server.store.putCount === 1);
    const stopped = server.server.shutdown();
    const onItsWay = client.write({ tenantId: "t", key: "late", value }).then(
      () => "served",
      () => "refused",
    );
    expect(await failureOf(clientOf(server).client.healthCheck({}))).toBeInstanceOf(ConnectError);
    expect(server.milestones).toEqual(["serving", "stopping"]);
    await Promise.race([onItsWay, until(() => server.store.putCount === 2)]);
    const putCount = server.store.putCount;
    server.store.sync();
    expect((await write).success).toBe(true);
    expect(await onItsWay).toBe(putCount === 2 ? "served" : "refused");
    expect(await stopped).toBe(true);
    expect(server.milestones).toEqual(["serving", "stopping", "store closed"]);
  });

  test("once it is announced, the node is not ready and serves on for the drain delay", async () => {
    const hourMs = 3_600_000;
    let passedMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + passedMs };
    const server = await startedServer({ settings: { drainDelayMs: hourMs }, clock });
    const { client } = clientOf(server);
    server.server.announceShutdown();
    expect((await fetch(`${server.httpUrl}/ready`)).status).toBe(503);
    const answer = await fetch(`${server.httpUrl}/health/live`);
    expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
    expect((await client.write({ tenantId: "t", key: "k", value })).success).toBe(true);
    // The shutdown does not begin another delay.
    passedMs = hourMs;
    expect(await server.server.shutdown()).toBe(true);
    expect(server.milestones).toEqual(["serving", "stopping", "store closed"]);
  });

  test("a call that does not end in time gets UNAVAILABLE, and the shutdown says so", async () => {
    const server = await startedServer({ settings: { shutdownTimeoutMs: 600 } });
    server.store.syncsAtOnce = false;
    const write = clientOf(server).client.write({ tenantId: "t", key: "k", value });
    const code = codeOf(write);
    await until(() => server.store.putCount === 1);
    expect(await server.server.shutdown()).toBe(false);
    expect(await code).toBe(Code.Unavailable);
    expect(server.milestones.at(-1)).toBe("store closed");
  });

  test("asked for twice, it happens once", async () => {
    const server = await startedServer();
    await Promise.all([server.server.shutdown(), server.server.shutdown()]);
    expect(server.milestones).toEqual(["serving", "stopping", "store closed"]);
    expect(await failureOf(fetch(`${server.httpUrl}/health`))).toBeInstanceOf(Error);
  });
});

describe("connections", () => {
  test("one too many is turned away; a place that comes free is given again", async () => {
    const server = await startedServer({ settings: { maxConnections: 1 } });
    const first = clientOf(server);
    expect((await first.client.healthCheck({})).healthy).toBe(true);
    const second = clientOf(server);
    expect(await failureOf(second.client.healthCheck({}))).toBeInstanceOf(ConnectError);
    expect(server.refusedConnections).toEqual(["connection_limit"]);
    expect((await first.client.healthCheck({})).healthy).toBe(true);
    first.close();
    const third = clientOf(server);
    await until(() => server.calls.length >= 2);
    for (;;) {
      const answer = await third.client.healthCheck({}).catch(() => undefined);
      if (answer?.healthy) break;
    }
  });

  test("a scan whose client leaves lets go of its view", async () => {
    const server = await startedServer();
    const clients = everyClient(server);
    cleanUps.push(() => clients.forEach((client) => void client.close()));
    const large = new Uint8Array(1 << 20);
    for (let i = 0; i < 8; i++) await clients[0]!.client.write({ tenantId: "t", key: `k${i}`, value: large });
    for (const { client } of clients) {
      const abort = new AbortController();
      const stream = client.scan({ tenantId: "t" }, { signal: abort.signal })[Symbol.asyncIterator]();
      await stream.next();
      expect(server.store.openViewCount).toBe(1);
      abort.abort();
      await until(() => server.store.openViewCount === 0);
      await until(() => server.calls.at(-1)?.method === "Scan");
      expect(server.calls.pop()).toMatchObject({ method: "Scan", status: "CANCELLED" });
    }
  });
});
