/** Ranges of keys as other nodes ask for them, over every protocol on every port. */
import { afterAll, describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { everyClient, failureOf } from "../support/rpc-clients.ts";
import { startTestServer } from "../support/test-server.ts";
import { bytes, clockOf } from "../support/wire-values.ts";

const server = await startTestServer();
const clients = everyClient(server);
afterAll(() => clients.forEach((client) => void client.close()));

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `k${String(i).padStart(5, "0")}`);

describe.each(clients.map(({ name, client }) => [name, client] as const))("%s", (name, client) => {
  const tenantId = `range ${name}`.replaceAll(" ", "-");

  test("live keys come page by page, and nothing of deleted ones", async () => {
    const keys = numbered(25);
    const entries = keys.map((key) => ({ tenantId, key, value: bytes("v"), vectorClock: clockOf("c", 1n) }));
    await client.batchWrite({ entries });
    await client.delete({ tenantId, key: keys[3]!, vectorClock: clockOf("c", 2n) });
    const live = keys.filter((_, i) => i !== 3);

    const pages: string[][] = [];
    for (let keyRangeStart = ""; ; ) {
      const page = await client.getKeyRange({ tenantId, keyRangeStart, maxKeys: 10 });
      pages.push(page.keys);
      expect(page.hasMore).toBe(page.nextKey !== "");
      if (!page.hasMore) break;
      keyRangeStart = page.nextKey;
    }
    expect(pages).toEqual([live.slice(0, 10), live.slice(10, 20), live.slice(20)]);
    const between = { tenantId, keyRangeStart: keys[2]!, keyRangeEnd: keys[6]! };
    expect((await client.getKeyRange(between)).keys).toEqual([keys[2]!, keys[4]!, keys[5]!]);
    const whole = await client.getKeyRange({ tenantId, maxKeys: 24 });
    expect([whole.keys.length, whole.hasMore, whole.nextKey]).toEqual([24, false, ""]);
  });

  test("a stream has every version, deletions with their clock and time", async () => {
    const tenant = `${tenantId}-versions`;
    const write = (key: string, value: string, nodeId: string, timestamp: bigint) =>
      client.write({
        tenantId: tenant,
        key,
        value: bytes(value),
        vectorClock: clockOf(nodeId, timestamp),
      });
    await write("a", "one", "c", 3n);
    await write("b", "left", "c", 1n);
    await write("b", "right", "d", 1n);
    await write("c", "gone", "c", 1n);
    await client.delete({ tenantId: tenant, key: "c", vectorClock: clockOf("c", 2n) });
    await write("d", "behind", "c", 1n);

    const range = { tenantId: tenant, keyRangeEnd: "d", batchSize: 1 };
    const entries = await Array.fromAsync(client.streamKeys(range));
    const told = entries.map((entry) => {
      const [first] = entry.vectorClock!.entries;
      const clock = `${first!.coordinatorNodeId}${first!.logicalTimestamp}`;
      return [entry.key, new TextDecoder().decode(entry.value), clock, entry.isTombstone];
    });
    expect(told).toEqual([
      ["a", "one", "c3", false],
      ["b", "right", "d1", false],
      ["b", "left", "c1", false],
      ["c", "", "c2", true],
    ]);
    for (const { timestamp, tenantId: named } of entries) {
      expect([timestamp, named]).toEqual([1_700_000_000n, tenant]);
    }
    // Goes on from any key.
    const rest = await Array.fromAsync(client.streamKeys({ tenantId: tenant, keyRangeStart: "c" }));
    expect(rest.map(({ key }) => key)).toEqual(["c", "d"]);
  });

  test("deletions that have expired are not there", async () => {
    const tenant = `${tenantId}-expired`;
    const tombstone = { tenantId: tenant, key: "old", isTombstone: true, vectorClock: clockOf("c", 1n) };
    await client.batchWrite({ replicated: true, entries: [{ ...tombstone, timestamp: 1n }] });
    expect(await Array.fromAsync(client.streamKeys({ tenantId: tenant }))).toEqual([]);
  });

  test.each([
    [{ keyRangeStart: "b", keyRangeEnd: "a" }, "behind its end"],
    [{ maxKeys: -1 }, "max_keys is -1"],
    [{ keyRangeStart: "\u0000" }, "control character"],
  ])("%j is refused", async (request, message) => {
    const failure = ConnectError.from(await failureOf(client.getKeyRange({ tenantId, ...request })));
    expect([failure.code, failure.rawMessage]).toEqual([
      Code.InvalidArgument,
      expect.stringContaining(message),
    ]);
  });

  test("a stream with a negative batch size or bounds upside down is refused", async () => {
    for (const request of [{ batchSize: -1 }, { keyRangeStart: "b", keyRangeEnd: "a" }]) {
      const stream = client.streamKeys({ tenantId, ...request });
      const failure = ConnectError.from(await failureOf(Array.fromAsync(stream)));
      expect(failure.code).toBe(Code.InvalidArgument);
    }
  });
});
