/**
 * Answers are encoded from memory that the store lends. Here it is taken back, and overwritten, as soon as the store may:
 * few tables may be open, memtables are used again, everything is compressed, and the store is closed while answers wait
 * for their clients.
 */
import { afterAll, expect, test } from "bun:test";
import { connect } from "node:http2";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { nextTurn } from "../../src/base/next-turn.ts";
import { Arena } from "../../src/engine/memtable/arena.ts";
import {
  BatchReadRequestSchema,
  BatchReadResponseSchema,
  ReadRequestSchema,
  ReadResponseSchema,
  ScanRequestSchema,
  ScanResponseSchema,
} from "../../src/gen/storage/storage_node_pb.ts";
import { Administration } from "../../src/node/administration/administration.ts";
import { DiskGuard } from "../../src/node/disk-guard.ts";
import { Drain } from "../../src/node/drain.ts";
import { silentNodeObserver } from "../../src/node/node-observer.ts";
import { StorageNode } from "../../src/node/storage-node.ts";
import { MemoryFileSystem } from "../../src/platform/memory.ts";
import { openEngine } from "../support/engine-driver.ts";
import { tinyOptions } from "../support/engine-settings.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { noBackups } from "../support/no-backups.ts";
import { noStreams } from "../support/no-streams.ts";
import { envelope } from "../support/raw-grpc.ts";
import { everyClient } from "../support/rpc-clients.ts";
import { createTestServer, type TestServer } from "../support/test-server.ts";

const servers: TestServer[] = [];
const { reset } = Arena.prototype;
Arena.prototype.reset = function () {
  this.bytes.fill(0xdd);
  reset.call(this);
};
afterAll(async () => {
  Arena.prototype.reset = reset;
  for (const { server } of servers) await server.shutdown();
});

const kib = 1024;
const options = tinyOptions({
  memtable: { maxSizeBytes: 512 * kib, flushThresholdBytes: 256 * kib, maxFrozenCount: 2 },
  commitLog: { segmentSizeBytes: 1 << 20, preallocateBytes: 64 * kib, groupSizeBytes: 256 * kib },
  compaction: { compression: ["zstd"], l1TableSizeBytes: 128 * kib, l2TableSizeBytes: 128 * kib },
  reads: { maxOpenTables: 1 },
  cache: { maxSizeBytes: 1 << 20, maxDecompressedBytes: 64 * kib },
});

const tenantId = "lent";
const sizes = [10, 900, 5000, 20_000, 70_000, 120_000];
const keys = Array.from({ length: 24 }, (_, index) => `key-${String(index).padStart(2, "0")}`);

/** Tells its key, and compresses to about half. */
function contentOf(key: string): Uint8Array {
  const number = Number(key.slice(-2));
  return Uint8Array.from(
    { length: sizes[number % sizes.length]! },
    (_, at) => (at * at * 31 + number) & 0x3f,
  );
}

function told(bytes: Uint8Array): string {
  return `${bytes.length} ${Bun.hash(bytes)}`;
}

const expected = keys.map((key) => told(contentOf(key)));

async function setUp() {
  const engine = await openEngine(new MemoryFileSystem(), options, 1);
  const clock = new ManualClock();
  const observer = silentNodeObserver;
  const probe = () => ({ totalBytes: 1000, availableBytes: 1000 });
  const diskGuard = new DiskGuard({ maxDiskUsage: 0.9, clock, probe, onStateChange: () => undefined });
  const drain = new Drain({ store: engine, clock, activeStreams: () => [] });
  const node = new StorageNode(
    { store: engine, diskGuard, drain, clock, observer },
    {
      nodeId: "self",
      limits: { maxSiblings: 10, maxRecordBytes: 16 << 20 },
      batchLimits: { maxEntries: 1000, maxBytes: 16 << 20 },
      staleWrite: "accept",
      gcGraceMs: 1000,
    },
  );
  const administration = new Administration(engine, { checkpointDirectory: "/checkpoints" });
  const openStore = async () => ({
    node,
    administration,
    streams: noStreams,
    backups: noBackups,
    close: async () => undefined,
  });
  const server = createTestServer({ openStore });
  servers.push(server);
  await server.server.start();
  for (const key of keys) await node.write(tenantId, key, contentOf(key), []);
  /** Moves everything on: into memtables that were used before, out of them, and from table to table. */
  const churn = async (round: number) => {
    for (const key of keys) await node.write("other", key, contentOf(key).fill(round), []);
    await engine.flush();
    await engine.compactRange();
  };
  return { engine, server, churn };
}

test("values are whole on every road while all that the store lends is taken back", async () => {
  const { engine, server, churn } = await setUp();
  const clients = everyClient(server);
  for (let round = 0; round < 3; round++) {
    let isChurning = true;
    const churning = churn(round).finally(() => {
      isChurning = false;
    });
    do {
      for (const { client } of clients) {
        const reads = keys.map(async (key) => told((await client.read({ tenantId, key })).value));
        const { results } = await client.batchRead({ tenantId, keys });
        const scanned: string[] = [];
        for await (const { entries } of client.scan({ tenantId }))
          for (const { value } of entries) scanned.push(told(value));
        expect(await Promise.all(reads)).toEqual(expected);
        expect(results.map(({ value }) => told(value))).toEqual(expected);
        expect(scanned).toEqual(expected);
      }
    } while (isChurning);
    await churning;
  }
  for (const client of clients) client.close();
  await engine.close();
});

test("answers that wait for their clients are whole when the store was closed meanwhile", async () => {
  const { engine, server, churn } = await setUp();
  await engine.flush();
  const session = connect(server.grpcUrl, { settings: { initialWindowSize: 0 } });
  const ask = <I extends DescMessage>(method: string, schema: I, request: MessageInitShape<I>) => {
    const path = `/storage.StorageNodeService/${method}`;
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.end(envelope(toBinary(schema, create(schema, request))));
    return new Promise<Buffer>((resolve, reject) => {
      stream.on("end", () => resolve(Buffer.concat(chunks)));
      stream.on("error", reject);
    });
  };
  const reads = keys.map((key) => ask("Read", ReadRequestSchema, { tenantId, key }));
  const batch = ask("BatchRead", BatchReadRequestSchema, { tenantId, keys });
  const scan = ask("Scan", ScanRequestSchema, { tenantId, limit: 4 });
  while (server.calls.length < keys.length + 2) await nextTurn();
  await churn(1);
  await engine.close();
  session.settings({ initialWindowSize: 1 << 24 });

  const message = (bytes: Buffer) => bytes.subarray(5);
  for (const [index, read] of reads.entries())
    expect(told(fromBinary(ReadResponseSchema, message(await read)).value)).toBe(expected[index]!);
  const { results } = fromBinary(BatchReadResponseSchema, message(await batch));
  expect(results.map(({ value }) => told(value))).toEqual(expected);
  const { entries } = fromBinary(ScanResponseSchema, message(await scan));
  expect(entries.map(({ value }) => told(value))).toEqual(expected.slice(0, 4));
  session.destroy();
});
