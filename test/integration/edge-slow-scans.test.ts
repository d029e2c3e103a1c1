/**
 * Scans whose clients do not read: each holds its place, and no more of the tenant than a few chunks. Over HTTP/2, whose
 * windows tell that nobody reads; the clients of HTTP/1.1 at hand read ahead of whoever uses them.
 */
import { afterAll, expect, test } from "bun:test";
import { everyClient } from "../support/rpc-clients.ts";
import { testNode } from "../support/test-node.ts";
import { startTestServer } from "../support/test-server.ts";

const valueBytes = 64 * 1024;
const recordCount = 256;
/** A chunk, what waits to be sent, and windows; the tenant has 16 MiB. */
const mostShownBytes = 4 * 1024 * 1024;

const node = testNode();
const { node: storage } = node;
let shownBytes = 0;
const scan = storage.scan.bind(storage);
storage.scan = (request, visit, signal) =>
  scan(
    request,
    (key, record) => {
      shownBytes += record.value.length;
      visit(key, record);
    },
    signal,
  );
const server = await startTestServer({ node });
const value = new Uint8Array(valueBytes);
for (let i = 0; i < recordCount; i++) await storage.write("t", `k${i}`, value, []);

const clients = everyClient(server);
afterAll(() => clients.forEach((client) => void client.close()));
const onGrpcPort = clients.filter(({ name }) => name.endsWith("on the gRPC port"));

test.each(onGrpcPort.map((client) => [client.name, client] as const))("by %s", async (_, { client }) => {
  shownBytes = 0;
  const answers = client.scan({ tenantId: "t" })[Symbol.asyncIterator]();
  expect((await answers.next()).done).toBe(false);
  // Until nothing more is shown, however often others are served meanwhile.
  for (let quietCalls = 0, before = -1; quietCalls < 50; before = shownBytes) {
    await client.read({ tenantId: "t", key: "k0" });
    quietCalls = shownBytes === before ? quietCalls + 1 : 0;
  }
  expect(shownBytes).toBeWithin(1, mostShownBytes);
  let restCount = 0;
  for (let step = await answers.next(); step.done !== true; step = await answers.next()) restCount++;
  expect(restCount).toBeGreaterThan(0);
  expect(shownBytes).toBe(recordCount * valueBytes);
});
