/** Answers that came as bytes, for the road that has no use for bytes. */
import { expect, test } from "bun:test";
import { ReadResponseSchema } from "../../../src/gen/storage/storage_node_pb.ts";
import { answerFields, EncodedMessage } from "../../../src/rpc/message-codec.ts";
import { readCodec } from "../../../src/rpc/storage-codecs.ts";

test.each([10, 40_000])("the fields of an answer with a value of %d bytes are its own", (length) => {
  const value = new Uint8Array(length).map((_, index) => index);
  const message = new EncodedMessage();
  expect(readCodec.encode?.({ success: true, value, siblingCount: 2 }, message)).toBe(true);
  expect(message.lent.length > 0).toBe(length === 40_000);
  const fields = answerFields(ReadResponseSchema, message);
  message.bytes.fill(0xff);
  expect([fields.siblingCount, fields.value?.length]).toEqual([2, length]);
  expect(Buffer.from(fields.value!).every((byte, index) => byte === index % 256)).toBe(true);
});
