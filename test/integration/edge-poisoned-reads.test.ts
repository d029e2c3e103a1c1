/**
 * The edge while all that a socket brought is overwritten as soon as its connection has read it: no call may hold bytes
 * that are not its own. Writes of all sizes that wait for all that a write can wait for, and every test of the edge once
 * more, over a store whose keys always lie on the disk.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Slice } from "../../src/base/bytes.ts";
import { nextTurn } from "../../src/base/next-turn.ts";
import { WriteRequestSchema } from "../../src/gen/storage/storage_node_pb.ts";
import { decodeRecord } from "../../src/versions/record.ts";
import { FakeRecordStore } from "../support/fake-record-store.ts";
import { poisonReads } from "../support/poisoned-reads.ts";
import { envelope, RawGrpcConnection } from "../support/raw-grpc.ts";
import { everyClient } from "../support/rpc-clients.ts";
import { startTestServer } from "../support/test-server.ts";

poisonReads();

const { whenResident } = FakeRecordStore.prototype;
FakeRecordStore.prototype.whenResident = function () {
  return whenResident.call(this) ?? nextTurn();
};

const server = await startTestServer();
const { store } = server;
const clients = everyClient(server);
const raw = new RawGrpcConnection(server.grpcUrl);
afterAll(() => {
  FakeRecordStore.prototype.whenResident = whenResident;
  for (const client of clients) client.close();
  raw.close();
});

/** Around what fits into a frame, a read, a chunk whose memory is given back at once, and a piece of one. */
const sizes = [0, 1, 30, 900, 1100, 8000, 16_300, 17_000, 40_000, 70_000, 300_000, 2_000_000];

const values = sizes.map((size, seed) => Uint8Array.from({ length: size }, (_, at) => (at * 7 + seed) % 251));

const vectorClock = { entries: [{ coordinatorNodeId: "some-coordinator", logicalTimestamp: 7n }] };

/** What holds up writes, each for some turns of the event loop. */
const waits: readonly [string, () => void][] = [
  ["nothing", () => void (store.whenResident = () => undefined)],
  ["the disk, for what the key holds", () => undefined],
  [
    "room in the store",
    () => {
      let waitCount = 8;
      store.whenWritable = () => (waitCount-- > 0 ? nextTurn().then(nextTurn) : undefined);
    },
  ],
  [
    "the disk, for what it stored",
    () => {
      store.syncsAtOnce = false;
      store.whenDurable = (sequence) => {
        setImmediate(() => store.sync());
        return FakeRecordStore.prototype.whenDurable.call(store, sequence);
      };
    },
  ],
];

function endWaits(): void {
  store.syncsAtOnce = true;
  for (const method of ["whenResident", "whenWritable", "whenDurable"]) Reflect.deleteProperty(store, method);
}

/** What the store has of a key, in a form that is quickly compared. */
function stored(tenantId: string, key: string): string {
  const [version] = decodeRecord(new Slice(store.entryOf(`${tenantId}:${key}`)!.value));
  const clock = version!.clock.map(({ nodeId, timestamp }) => `${nodeId} ${timestamp}`);
  return shown(version!.value.copy(), clock);
}

function expected(value: Uint8Array): string {
  return shown(value, ["some-coordinator 7"]);
}

function shown(value: Uint8Array, clock: string[]): string {
  return `${clock}: ${value.length} ${Buffer.from(value.subarray(0, 40)).toString("hex")} ${Bun.hash(value)}`;
}

describe.each(waits)("writes that wait for %s", (what, begin) => {
  async function during(write: () => Promise<unknown>): Promise<void> {
    begin();
    try {
      await write();
    } finally {
      endWaits();
    }
  }

  test.each(clients.map(({ name, client }) => [name, client] as const))(
    "keep their bytes by %s",
    async (name, client) => {
      const tenantId = `${name}-${what}`.replaceAll(/[^a-zA-Z0-9]/g, "-");
      for (const value of values) {
        const key = String(value.length);
        await during(() => client.write({ tenantId, key, value, vectorClock }));
        expect(stored(tenantId, key)).toBe(expected(value));
        await during(() => client.repair({ tenantId, key: `${key}-repaired`, value, vectorClock }));
        expect(stored(tenantId, `${key}-repaired`)).toBe(expected(value));
      }
      const entries = values.map((value) => ({ tenantId, key: `batch-${value.length}`, value, vectorClock }));
      await during(() => client.batchWrite({ entries: entries.slice(0, 6) }));
      await during(() => client.batchWrite({ entries }));
      for (const { key, value } of entries) expect(stored(tenantId, key)).toBe(expected(value));
    },
  );

  test("keep their bytes where several come in one read", async () => {
    const tenantId = `raw-${what}`.replaceAll(/[^a-zA-Z0-9]/g, "-");
    const write = (value: Uint8Array) => {
      const message = create(WriteRequestSchema, { tenantId, key: String(value.length), value, vectorClock });
      return raw.call("/storage.StorageNodeService/Write", envelope(toBinary(WriteRequestSchema, message)));
    };
    await during(() => Promise.all(values.map(write)));
    for (const value of values) expect(stored(tenantId, String(value.length))).toBe(expected(value));
  });
});

await import("./edge-admin.test.ts");
await import("./edge-bad-input.test.ts");
await import("./edge-bulk.test.ts");
await import("./edge-calls.test.ts");
await import("./edge-differential.test.ts");
await import("./edge-failures.test.ts");
await import("./edge-foreign-clients.test.ts");
await import("./edge-standard-services.test.ts");
