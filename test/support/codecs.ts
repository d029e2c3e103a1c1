/** Shortcuts to and from protobuf, held against the library. */
import { expect } from "bun:test";
import {
  type DescMessage,
  equals,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { type CodecShortcut, EncodedMessage, RequestMessage } from "../../src/rpc/message-codec.ts";

/** The bytes in the midst of others, which must not be looked at. */
export function inside(bytes: Uint8Array): RequestMessage {
  const around = new Uint8Array(bytes.length + 20).fill(0x0a);
  around.set(bytes, 7);
  return new RequestMessage(around, 7, bytes.length);
}

/** What the shortcut makes of the bytes is what the library makes of them, or nothing. */
export function expectSame<I extends DescMessage>(
  schema: I,
  { decode }: CodecShortcut<I, DescMessage>,
  bytes: Uint8Array,
): MessageShape<I> | undefined {
  const decoded = decode(inside(bytes));
  if (decoded === undefined) return undefined;
  const expected = fromBinary(schema, bytes);
  expect(equals(schema, decoded, expected)).toBe(true);
  expect(Buffer.compare(toBinary(schema, decoded), toBinary(schema, expected))).toBe(0);
  return decoded;
}

export function encoded<O extends DescMessage>(
  { encode }: CodecShortcut<DescMessage, O>,
  answer: MessageInitShape<O>,
): Uint8Array | undefined {
  const target = new EncodedMessage();
  return encode?.(answer, target) === true ? target.take() : undefined;
}

const change = fc.record({
  start: fc.nat(),
  removed: fc.nat(4),
  inserted: fc.uint8Array({ maxLength: 4 }),
  isTwice: fc.boolean(),
});

/** Tries what becomes of a message by changes of single bytes, cuts, insertions and repetition. */
export function tryChanges(bytes: Uint8Array, attempt: (changed: Uint8Array) => void): void {
  for (let index = 0; index < bytes.length; index++) {
    for (let byte = 0; byte < 256; byte++) attempt(bytes.with(index, byte));
    attempt(bytes.subarray(0, index));
  }
  fc.assert(
    fc.property(change, ({ start, removed, inserted, isTwice }) => {
      const at = start % (bytes.length + 1);
      const changed = Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
      attempt(isTwice ? Buffer.concat([changed, bytes]) : changed);
    }),
    { numRuns: 2000 },
  );
}

/** The same attempt for several shortcuts: what the library refuses, they leave to it. */
export function expectSameOrRefused<I extends DescMessage>(
  schema: I,
  codec: CodecShortcut<I, DescMessage>,
  changed: Uint8Array,
): void {
  try {
    fromBinary(schema, changed);
  } catch {
    expect(codec.decode(inside(changed))).toBeUndefined();
    return;
  }
  expectSame(schema, codec, changed);
}

export const someText = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constant("\ufeffmark"));
export const someTimestamp = fc.oneof(fc.bigInt(1n, 300n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n));
export const someBytes = fc.uint8Array({ maxLength: 300 });
export const someClock = fc.option(
  fc.record({
    entries: fc.array(fc.record({ coordinatorNodeId: someText, logicalTimestamp: someTimestamp }), {
      maxLength: 4,
    }),
  }),
  { nil: undefined },
);

export const plainClock = { entries: [{ coordinatorNodeId: "node-1", logicalTimestamp: 7n }] };
