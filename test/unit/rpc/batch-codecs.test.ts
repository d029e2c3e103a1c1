/** The shortcuts of batches to and from protobuf, held against the library. */
import { describe, expect, test } from "bun:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { BatchReadRequestSchema, BatchWriteRequestSchema } from "../../../src/gen/storage/storage_node_pb.ts";
import { batchReadCodec, batchWriteCodec } from "../../../src/rpc/batch-codecs.ts";
import {
  expectSame,
  expectSameOrRefused,
  inside,
  plainClock,
  someBytes,
  someClock,
  someText,
  someTimestamp,
  tryChanges,
} from "../../support/codecs.ts";

type WriteRequest = MessageInitShape<typeof BatchWriteRequestSchema>;

const someEntry = fc.record(
  {
    tenantId: someText,
    key: someText,
    value: someBytes,
    vectorClock: someClock,
    timestamp: someTimestamp,
    isTombstone: fc.boolean(),
    valueSize: fc.nat(2),
    siblingCount: fc.nat(2),
  },
  { requiredKeys: ["key"] },
);
const someWrite = fc.record({
  entries: fc.array(someEntry, { maxLength: 4 }),
  replicated: fc.boolean(),
  idempotencyKey: someText,
});
const someRead = fc.record({
  tenantId: someText,
  keys: fc.array(someText, { maxLength: 5 }),
  includeSiblings: fc.boolean(),
});

function writeBytes(request: WriteRequest): Uint8Array {
  return toBinary(BatchWriteRequestSchema, create(BatchWriteRequestSchema, request));
}

const usualEntry = {
  tenantId: "t",
  key: "k",
  value: Uint8Array.of(1, 2),
  vectorClock: plainClock,
  timestamp: 300n,
  isTombstone: true,
};

describe("requests", () => {
  test("of all kinds are decoded as the library does", () => {
    fc.assert(
      fc.property(someWrite, (request) => {
        expectSame(BatchWriteRequestSchema, batchWriteCodec, writeBytes(request as WriteRequest));
      }),
    );
    fc.assert(
      fc.property(someRead, (request) => {
        const bytes = toBinary(BatchReadRequestSchema, create(BatchReadRequestSchema, request));
        expect(expectSame(BatchReadRequestSchema, batchReadCodec, bytes)).toBeDefined();
      }),
    );
  });

  test("with bytes changed, cut off, repeated or inserted are too, or go to the library", () => {
    tryChanges(writeBytes({ entries: [usualEntry, { key: "b" }], replicated: true }), (changed) =>
      expectSameOrRefused(BatchWriteRequestSchema, batchWriteCodec, changed),
    );
    const read = create(BatchReadRequestSchema, { tenantId: "t", keys: ["a", "ä"], includeSiblings: true });
    tryChanges(toBinary(BatchReadRequestSchema, read), (changed) =>
      expectSameOrRefused(BatchReadRequestSchema, batchReadCodec, changed),
    );
  }, 20_000);

  test("an entry that ends inside one of its fields, where the next one begins, is none", () => {
    // A length that reaches over the entry's end, within the message.
    const bytes = Uint8Array.of(0x0a, 2, 0x12, 3, 0x0a, 1, 0x61);
    expectSameOrRefused(BatchWriteRequestSchema, batchWriteCodec, bytes);
  });

  test("as clients make them take the shortcut, and share no memory with what they came in", () => {
    const request = { entries: [usualEntry, usualEntry], replicated: true, idempotencyKey: "i" };
    const source = inside(writeBytes(request));
    const decoded = batchWriteCodec.decode(source);
    source.bytes.fill(0);
    expect(decoded).toMatchObject(request);
  });

  test("point into bytes that are their own", () => {
    const source = inside(writeBytes({ entries: [usualEntry] }));
    source.isOwn = true;
    expect(batchWriteCodec.decode(source)?.entries[0]?.value.buffer).toBe(source.bytes.buffer);
  });
});
