/** Bytes that an application lends for its answer: their owner gets them back once, whatever becomes of the answer. */
import { expect, test } from "bun:test";
import type { Lender, ServerResponse } from "../../../src/http2/api.ts";
import { Http2Harness, headers, okBlock, resetStream, windowUpdate } from "../../support/http2-harness.ts";

/** A client whose windows are as they are at first answers a request with so many lent bytes. */
function lend(byteCount: number, maxQueuedBytesPerStream = 1 << 20) {
  const returned: Uint8Array[] = [];
  const lender: Lender = { giveBack: (bytes) => returned.push(bytes) };
  const bytes = new Uint8Array(byteCount).fill(7);
  let response: ServerResponse | undefined;
  const harness = new Http2Harness({
    limits: { maxQueuedBytesPerStream },
    handle: (_, answer) => {
      response = answer;
      answer.sendHeaders(okBlock);
      answer.giveData(bytes, 0, bytes.length, true, lender);
    },
  });
  const sent = harness.send(headers(1)).filter((line) => line.startsWith("DATA"));
  return { harness, bytes, returned, lender, sent, response: response! };
}

test("at once, when all of it left", () => {
  const { bytes, returned, sent } = lend(10_000);
  expect(sent).toEqual(["DATA 1 10000 END_STREAM"]);
  expect(returned).toEqual([bytes]);
});

test("when the last of it left, and not before", () => {
  const { harness, bytes, returned } = lend(80_000);
  expect(returned).toEqual([]);
  harness.send(windowUpdate(0, 100_000), windowUpdate(1, 10_000));
  expect(returned).toEqual([]);
  expect(harness.send(windowUpdate(1, 10_000))).toEqual(["DATA 1 4465 END_STREAM"]);
  expect(returned).toEqual([bytes]);
});

test("at once, when the little that is left was copied", () => {
  const { harness, bytes, returned } = lend(65_535 + 100);
  expect(returned).toEqual([bytes]);
  bytes.fill(0);
  harness.feed(Buffer.concat([windowUpdate(0, 100), windowUpdate(1, 100)]));
  expect(harness.takeFrames().at(-1)!.payload).toEqual(new Uint8Array(100).fill(7));
});

test("when its client takes the request back, or is gone", () => {
  const reset = lend(80_000);
  reset.harness.send(resetStream(1));
  expect(reset.returned).toEqual([reset.bytes]);
  const gone = lend(80_000);
  gone.harness.connection.abort();
  expect(gone.returned).toEqual([gone.bytes]);
});

test("when it is more than may wait, or comes after the end", () => {
  const { bytes, returned, lender, response } = lend(80_000, 10_000);
  expect(returned).toEqual([bytes]);
  response.giveData(bytes, 0, bytes.length, true, lender);
  expect(returned).toEqual([bytes, bytes]);
});
