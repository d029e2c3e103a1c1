/** The shortcuts to and from protobuf, held against the library. */
import { describe, expect, test } from "bun:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  ReadRequestSchema,
  ReadResponseSchema,
  WriteRequestSchema,
  WriteResponseSchema,
} from "../../../src/gen/storage/storage_node_pb.ts";
import { readCodec, writeCodec } from "../../../src/rpc/storage-codecs.ts";
import {
  encoded,
  expectSame,
  expectSameOrRefused,
  inside,
  plainClock,
  someBytes,
  someClock,
  someText,
  tryChanges,
} from "../../support/codecs.ts";

const someReadRequest = fc.record({ tenantId: someText, key: someText, includeSiblings: fc.boolean() });
const someWriteRequest = fc.record(
  { tenantId: someText, key: someText, value: someBytes, vectorClock: someClock, idempotencyKey: someText },
  { requiredKeys: [] },
);

describe("requests", () => {
  test("of all kinds are decoded as the library does", () => {
    fc.assert(
      fc.property(someReadRequest, (request) => {
        expectSame(
          ReadRequestSchema,
          readCodec,
          toBinary(ReadRequestSchema, create(ReadRequestSchema, request)),
        );
      }),
    );
    fc.assert(
      fc.property(someWriteRequest, (request) => {
        const message = create(WriteRequestSchema, request as MessageInitShape<typeof WriteRequestSchema>);
        expectSame(WriteRequestSchema, writeCodec, toBinary(WriteRequestSchema, message));
      }),
    );
  });

  test("with bytes changed, cut off, repeated or inserted are too, or go to the library", () => {
    const message = create(WriteRequestSchema, {
      tenantId: "t",
      key: "k",
      value: new Uint8Array(3),
      vectorClock: plainClock,
    });
    const bytes = toBinary(WriteRequestSchema, message);
    tryChanges(bytes, (changed) => {
      expectSameOrRefused(WriteRequestSchema, writeCodec, changed);
      expectSameOrRefused(ReadRequestSchema, readCodec, changed);
    });
  });

  test("as clients make them take the shortcut, and share no memory with what they came in", () => {
    const read = { tenantId: "tenant", key: "schlüssel/1", includeSiblings: true };
    const readBytes = toBinary(ReadRequestSchema, create(ReadRequestSchema, read));
    expect(expectSame(ReadRequestSchema, readCodec, readBytes)).toMatchObject(read);
    const write = { tenantId: "t", key: "k", value: Uint8Array.of(1, 2), vectorClock: plainClock };
    const source = inside(toBinary(WriteRequestSchema, create(WriteRequestSchema, write)));
    const decoded = writeCodec.decode(source);
    source.bytes.fill(0);
    expect(decoded).toMatchObject(write);
  });

  test("point into bytes that are their own", () => {
    const write = { tenantId: "t", key: "k", value: Uint8Array.of(1, 2) };
    const source = inside(toBinary(WriteRequestSchema, create(WriteRequestSchema, write)));
    source.isOwn = true;
    expect(writeCodec.decode(source)?.value.buffer).toBe(source.bytes.buffer);
  });
});

describe("answers", () => {
  const someAnswer = fc.record({ success: fc.boolean(), vectorClock: someClock, value: someBytes });

  test("of all kinds are encoded as the library does, or left to it", () => {
    fc.assert(
      fc.property(someAnswer, fc.integer({ min: 0, max: 2 ** 31 - 1 }), (answer, siblingCount) => {
        const init = { ...answer, siblingCount } as MessageInitShape<typeof ReadResponseSchema>;
        const bytes = encoded(readCodec, init);
        const expected = toBinary(ReadResponseSchema, create(ReadResponseSchema, init));
        if (bytes !== undefined) expect(Buffer.compare(bytes, expected)).toBe(0);
      }),
    );
    fc.assert(
      fc.property(someAnswer, ({ success, vectorClock }) => {
        const init = { success, updatedVectorClock: vectorClock } as MessageInitShape<
          typeof WriteResponseSchema
        >;
        const bytes = encoded(writeCodec, init);
        const expected = toBinary(WriteResponseSchema, create(WriteResponseSchema, init));
        if (bytes !== undefined) expect(Buffer.compare(bytes, expected)).toBe(0);
      }),
    );
  });

  test("with siblings or a failure are left to the library", () => {
    const value = new Uint8Array(1);
    expect(
      encoded(readCodec, { success: true, value, siblingCount: 2, siblings: [{ key: "k" }] }),
    ).toBeUndefined();
    expect(encoded(readCodec, { success: true, value, siblingCount: 1, errorMessage: "m" })).toBeUndefined();
    expect(encoded(readCodec, { success: false, value, siblingCount: 0 })).toBeUndefined();
    expect(encoded(writeCodec, { success: true, errorMessage: "m" })).toBeUndefined();
  });

  test.each([0, 1, 200, 65_536, 100_000])("with a value of %i bytes take the shortcut", (valueBytes) => {
    const answer = {
      success: true,
      value: new Uint8Array(valueBytes).fill(9),
      vectorClock: plainClock,
      siblingCount: 1,
    };
    const bytes = encoded(readCodec, answer);
    expect(bytes).toEqual(toBinary(ReadResponseSchema, create(ReadResponseSchema, answer)));
    const written = { success: true, updatedVectorClock: plainClock };
    expect(encoded(writeCodec, written)).toEqual(
      toBinary(WriteResponseSchema, create(WriteResponseSchema, written)),
    );
  });
});
