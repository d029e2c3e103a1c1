/** Answers that are written as their records are shown, held against the library and the answers of single reads. */
import { describe, expect, test } from "bun:test";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  BatchReadResponseSchema,
  BatchWriteResponseSchema,
  type KeyValueEntrySchema,
  ScanResponseSchema,
} from "../../../src/gen/storage/storage_node_pb.ts";
import type { StorageNode } from "../../../src/node/storage-node.ts";
import {
  BatchReadAnswer,
  batchWriteAnswer,
  ScanAnswer,
  type ShownVersions,
} from "../../../src/rpc/bulk-answers.ts";
import { batchItem, readResponse, writeResponse } from "../../../src/rpc/messages.ts";
import { type ClockEntry, clockFrom } from "../../../src/versions/vector-clock.ts";
import { smallClock } from "../../support/arbitrary-versions.ts";
import { scanNode } from "../../support/scan-node.ts";
import { testNode } from "../../support/test-node.ts";

const tenantId = "tenänt";
const keys = ["a", "ä/€", "k".repeat(200), "absent"];
const large = 2n ** 60n;

const someChange = fc.record({
  key: fc.constantFrom("a", "ä/€", "k".repeat(200)),
  isTombstone: fc.boolean(),
  valueBytes: fc.oneof(fc.nat(5), fc.constant(70_000)),
  clock: fc.oneof(
    smallClock(["a", "b", "ü".repeat(64)], 200),
    fc.constant([{ nodeId: "c", timestamp: large }] as ClockEntry[]),
  ),
});
const someHistory = fc.array(someChange, { maxLength: 10 });

async function nodeWith(history: typeof someHistory extends fc.Arbitrary<infer T> ? T : never) {
  const test = testNode();
  for (const { key, isTombstone, valueBytes, clock } of history) {
    const value = new Uint8Array(valueBytes).fill(7);
    await (isTombstone
      ? test.node.delete(tenantId, key, clock)
      : test.node.write(tenantId, key, value, clock));
  }
  return test.node;
}

function library<S extends DescMessage>(schema: S, message: MessageInitShape<S>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, message)));
}

async function batchRead(node: StorageNode, includeSiblings: boolean, maxBytes: number) {
  return batchReadShowing(node, includeSiblings ? "siblings" : "value", maxBytes);
}

async function batchReadShowing(node: StorageNode, shown: ShownVersions, maxBytes: number) {
  const answer = new BatchReadAnswer(tenantId, keys, shown, maxBytes);
  await node.readBatch(tenantId, keys, (index, record) => answer.add(index, record));
  return answer;
}

async function singleReads(node: StorageNode, includeSiblings: boolean) {
  const results = [];
  for (const key of keys) {
    const result = await node.read(tenantId, key, includeSiblings);
    results.push(readResponse(result, tenantId, key));
  }
  return library(BatchReadResponseSchema, { results });
}

describe("a BatchWrite", () => {
  const someResult = fc.record({
    clock: smallClock(["a", "b", "ü".repeat(64)], 2 ** 40).map(clockFrom),
    staleMessage: fc.constantFrom(undefined, undefined, "stale write: ä"),
  });

  test("is answered as single writes are, byte for byte", () => {
    fc.assert(
      fc.property(fc.array(someResult, { maxLength: 100 }), (some) => {
        const results = some.map((each) => ({ ...each, outcome: "stored" as const, siblingCount: 1 }));
        const bytes = Buffer.from(batchWriteAnswer(results).take());
        const wanted = library(BatchWriteResponseSchema, { results: results.map(writeResponse) });
        expect(bytes.equals(wanted)).toBe(true);
      }),
    );
  });
});

describe("a BatchRead", () => {
  test("is answered as single reads are, byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(someHistory, fc.boolean(), async (history, includeSiblings) => {
        const node = await nodeWith(history);
        const answer = await batchRead(node, includeSiblings, 1 << 20);
        const bytes = Buffer.from(answer.take().take());
        expect(bytes.equals(await singleReads(node, includeSiblings))).toBe(true);
      }),
    );
  });

  test("for a replica has what another node needs to hold the same", async () => {
    await fc.assert(
      fc.asyncProperty(someHistory, async (history) => {
        const node = await nodeWith(history);
        const answer = await batchReadShowing(node, "all versions", 1 << 20);
        const { results } = fromBinary(BatchReadResponseSchema, answer.take().take());
        const replica = testNode().node;
        const items = results.flatMap(({ siblings }) => siblings.map(batchItem));
        if (items.length > 0) await replica.writeBatch(items, true);
        expect(await singleReads(replica, true)).toEqual(await singleReads(node, true));
        for (const { value, vectorClock } of results) {
          expect([value.length, vectorClock]).toEqual([0, undefined]);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("whose answer is too large is refused with its exact size", async () => {
    await fc.assert(
      fc.asyncProperty(someHistory, fc.boolean(), async (history, includeSiblings) => {
        const node = await nodeWith(history);
        const sizeBytes = (await singleReads(node, includeSiblings)).length;
        expect((await batchRead(node, includeSiblings, sizeBytes)).take().length).toBe(sizeBytes);
        const answer = await batchRead(node, includeSiblings, sizeBytes - 1);
        expect(() => answer.take()).toThrow(
          expect.objectContaining({
            code: "RESOURCE_EXHAUSTED",
            details: { size: String(sizeBytes), limit: String(sizeBytes - 1) },
          }),
        );
      }),
      { numRuns: 30 },
    );
  });
});

type Entry = MessageInitShape<typeof KeyValueEntrySchema>;

describe("a scan", () => {
  test.each([false, true])("is written as the library does; keys alone: %p", async (keysOnly) => {
    await fc.assert(
      fc.asyncProperty(someHistory, fc.nat(3), async (history, limit) => {
        const node = await nodeWith(history);
        const request = { tenantId, startKey: "", endKey: "", limit, keysOnly };
        const chunks = (await Array.fromAsync(scanNode(node, request))).map(({ records, resumeKey }) => {
          const entries = records.map(({ key, value, clock, timestampSeconds, siblingCount }): Entry => {
            const clockEntries = clock.map(({ nodeId, timestamp }) => ({
              coordinatorNodeId: nodeId,
              logicalTimestamp: timestamp,
            }));
            return {
              tenantId,
              key,
              ...(keysOnly ? { valueSize: value.length } : { value }),
              vectorClock: { entries: clockEntries },
              timestamp: BigInt(timestampSeconds),
              siblingCount: siblingCount > 1 ? siblingCount : 0,
            };
          });
          return library(ScanResponseSchema, {
            entries,
            resumeToken: new TextEncoder().encode(resumeKey ?? ""),
          });
        });

        const answer = new ScanAnswer(tenantId, keysOnly);
        const messages: Buffer[] = [];
        for await (const { resumeKey } of node.scan(request, (key, record) => answer.add(key, record))) {
          const message = answer.finish(resumeKey);
          expect(message.resumeToken).toBe(resumeKey);
          messages.push(Buffer.from(message.take().slice()));
          answer.clear();
        }
        answer.end();
        expect(messages.map((message) => message.toString("hex"))).toEqual(
          chunks.map((message) => message.toString("hex")),
        );
      }),
      { numRuns: 50 },
    );
  });
});
