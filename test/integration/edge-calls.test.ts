/** Every protocol on every port: what succeeds, what is answered in-band, what streams. */
import { afterAll, describe, expect, test } from "bun:test";
import { ErrorCode, type ScanResponse } from "../../src/gen/storage/storage_node_pb.ts";
import { everyClient } from "../support/rpc-clients.ts";
import { startTestServer } from "../support/test-server.ts";
import { bytes } from "../support/wire-values.ts";

const server = await startTestServer();
const clients = everyClient(server);
afterAll(() => {
  for (const client of clients) client.close();
});

function clock(...entries: [string, number][]) {
  return {
    entries: entries.map(([coordinatorNodeId, timestamp]) => ({
      coordinatorNodeId,
      logicalTimestamp: BigInt(timestamp),
    })),
  };
}

function plainClock(
  message: { entries: { coordinatorNodeId: string; logicalTimestamp: bigint }[] } | undefined,
) {
  return message?.entries.map((entry) => [entry.coordinatorNodeId, Number(entry.logicalTimestamp)]);
}

async function scanAll(chunks: AsyncIterable<ScanResponse>): Promise<ScanResponse[]> {
  const all: ScanResponse[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

describe.each(clients.map(({ name, client }) => [name, client] as const))("%s", (name, client) => {
  const tenantId = name.replaceAll(" ", "-");

  test("a value written is read, with its clock", async () => {
    const written = await client.write({
      tenantId,
      key: "a",
      value: bytes("one"),
      vectorClock: clock(["c1", 3]),
      idempotencyKey: "id-1",
    });
    expect(written.success).toBe(true);
    expect(written.errorCode).toBe(ErrorCode.UNKNOWN);
    expect(plainClock(written.updatedVectorClock)).toEqual([["c1", 3]]);

    const read = await client.read({ tenantId, key: "a" });
    expect(read.success).toBe(true);
    expect(new TextDecoder().decode(read.value)).toBe("one");
    expect(plainClock(read.vectorClock)).toEqual([["c1", 3]]);
    expect(read.siblingCount).toBe(1);
    expect(read.siblings).toEqual([]);
  });

  test("an absent key is an answer, and so is a deleted one, with its clock", async () => {
    const absent = await client.read({ tenantId, key: "absent" });
    expect(absent.success).toBe(false);
    expect(absent.errorCode).toBe(ErrorCode.KEY_NOT_FOUND);
    expect(absent.errorMessage).not.toBe("");
    expect(absent.vectorClock).toBeUndefined();
    expect(absent.siblingCount).toBe(0);

    await client.write({ tenantId, key: "gone", value: bytes("x"), vectorClock: clock(["c1", 1]) });
    const deleted = await client.delete({ tenantId, key: "gone", vectorClock: clock(["c1", 2]) });
    expect(deleted.success).toBe(true);
    expect(plainClock(deleted.updatedVectorClock)).toEqual([["c1", 2]]);
    const gone = await client.read({ tenantId, key: "gone" });
    expect([gone.success, gone.errorCode]).toEqual([false, ErrorCode.KEY_NOT_FOUND]);
    expect(gone.value.length).toBe(0);
    expect(plainClock(gone.vectorClock)).toEqual([["c1", 2]]);
  });

  test("siblings come only when asked for, their count always", async () => {
    await client.write({ tenantId, key: "s", value: bytes("left"), vectorClock: clock(["c1", 1]) });
    await client.repair({ tenantId, key: "s", value: bytes("right"), vectorClock: clock(["c2", 1]) });
    const unasked = await client.read({ tenantId, key: "s" });
    expect([unasked.siblingCount, unasked.siblings.length]).toEqual([2, 0]);
    const asked = await client.read({ tenantId, key: "s", includeSiblings: true });
    expect(asked.siblings.map((entry) => new TextDecoder().decode(entry.value)).sort()).toEqual([
      "left",
      "right",
    ]);
    expect(asked.siblings.map((entry) => [entry.tenantId, entry.key])).toEqual([
      [tenantId, "s"],
      [tenantId, "s"],
    ]);
    expect(plainClock(asked.vectorClock)).toEqual([
      ["c1", 1],
      ["c2", 1],
    ]);
  });

  test("an empty value is a value", async () => {
    await client.write({ tenantId, key: "empty", value: new Uint8Array(0) });
    const read = await client.read({ tenantId, key: "empty" });
    expect([read.success, read.value.length]).toEqual([true, 0]);
  });

  test("a value of the largest size goes in and out", async () => {
    const value = new Uint8Array(10_485_760).fill(7);
    value[value.length - 1] = 9;
    await client.write({ tenantId, key: "large", value });
    const read = await client.read({ tenantId, key: "large" });
    expect(read.value.length).toBe(value.length);
    expect(Bun.hash(read.value)).toBe(Bun.hash(value));
  });

  test("a scan gives the range in order, in chunks, and goes on by token", async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `r/${String(i).padStart(3, "0")}`);
    for (const key of keys) await client.write({ tenantId, key, value: bytes(key.padEnd(1000)) });
    const chunks = await scanAll(client.scan({ tenantId, prefix: "r/" }));
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.flatMap((chunk) => chunk.entries.map((entry) => entry.key))).toEqual(keys);
    expect(new TextDecoder().decode(chunks[0]!.entries[5]!.value)).toBe(keys[5]!.padEnd(1000));
    expect(chunks.at(-1)!.resumeToken.length).toBe(0);

    const limited = await scanAll(client.scan({ tenantId, prefix: "r/", limit: 10, keysOnly: true }));
    const sizes = limited.flatMap((chunk) =>
      chunk.entries.map((entry) => [entry.value.length, entry.valueSize]),
    );
    expect(sizes).toEqual(new Array(10).fill([0, 1000]));
    const { resumeToken } = limited.at(-1)!;
    const next = await scanAll(client.scan({ tenantId, prefix: "r/", limit: 1, resumeToken }));
    expect(next[0]!.entries[0]!.key).toBe(keys[10]!);
    expect(server.store.openViewCount).toBe(0);
  });

  test("the health check tells the status and figures", async () => {
    expect(await client.healthCheck({})).toMatchObject({
      healthy: true,
      status: "healthy",
      metrics: { phase: "serving" },
    });
  });
});

test("every call was reported once, with its status and the bytes of its values", () => {
  const writes = server.calls.filter((call) => call.method === "Write");
  expect(new Set(server.calls.map((call) => call.status))).toEqual(new Set(["OK"]));
  expect(writes.length).toBe(clients.length * (1 + 1 + 1 + 1 + 1 + 300));
  expect(Math.max(...writes.map((call) => call.valueBytes))).toBe(10_485_760);
  expect(server.calls.every((call) => call.durationMs >= 0)).toBe(true);
});

test("degraded and unhealthy nodes do not call themselves healthy", async () => {
  for (const status of ["degraded", "unhealthy"] as const) {
    server.status = status;
    const answer = await clients[0]!.client.healthCheck({});
    expect([answer.healthy, answer.status]).toEqual([false, status]);
  }
  server.status = "healthy";
});
