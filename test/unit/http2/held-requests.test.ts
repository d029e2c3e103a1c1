/** Requests that come while the output is full: their answers are made when these can leave. */
import { expect, test } from "bun:test";
import type { RequestHandler } from "../../../src/http2/api.ts";
import {
  data,
  END_STREAM,
  Http2Harness,
  headers,
  okBlock,
  resetStream,
  settings,
  windowUpdate,
} from "../../support/http2-harness.ts";

const mib = 1 << 20;
const answerBytes = new Uint8Array(mib);
const maxWindow = 0x7fffffff;

/** A client with the largest windows; each request is answered by a mebibyte. */
function connect(handle?: RequestHandler) {
  const seen: string[] = [];
  const harness = new Http2Harness({
    handle: (request, response) => {
      const { bytes, start, length } = request.body;
      seen.push(Buffer.from(bytes.subarray(start, start + length)).toString());
      response.answer(okBlock, answerBytes, 0, mib);
      handle?.(request, response);
    },
  });
  harness.send(settings([4, maxWindow]), windowUpdate(0, maxWindow - 65_535));
  return { harness, seen };
}

function request(id: number, body: string): Uint8Array {
  return Buffer.concat([headers(id, undefined, 0), data(id, Buffer.from(body), END_STREAM)]);
}

test("they wait, with their bodies, and are answered in order as the output drains", () => {
  const { harness, seen } = connect();
  const bytes = Buffer.concat(
    ["first", "second", "third"].map((body, index) => request(2 * index + 1, body)),
  );
  harness.feed(bytes);
  bytes.fill(0);
  expect(seen).toEqual(["first"]);
  const lines = harness.take();
  expect(seen).toEqual(["first", "second", "third"]);
  for (const id of [1, 3]) {
    expect(lines.indexOf(`HEADERS ${id + 2} :status=200`)).toBeGreaterThan(
      lines.findLastIndex((line) => line.startsWith(`DATA ${id} `)),
    );
  }
  expect(harness.budget.usedBytes).toBe(0);
  expect(harness.connection.streamCount).toBe(0);
});

test("those that come after one that waits wait too", () => {
  const { harness, seen } = connect();
  harness.feed(Buffer.concat([request(1, "a"), request(3, "b")]));
  harness.connection.wrote(harness.connection.output.length, harness.nowMs);
  harness.feed(request(5, "c"));
  expect(seen).toEqual(["a"]);
  harness.take();
  expect(seen).toEqual(["a", "b", "c"]);
});

test("who takes a waiting request back gets nothing of it", () => {
  const { harness, seen } = connect();
  harness.feed(Buffer.concat([request(1, "a"), request(3, "b"), request(5, "c"), resetStream(3)]));
  const lines = harness.take().filter((line) => line.startsWith("HEADERS"));
  expect(seen).toEqual(["a", "c"]);
  expect(lines).toEqual(["HEADERS 1 :status=200", "HEADERS 5 :status=200"]);
  expect(harness.budget.usedBytes).toBe(0);
});

test("the end of the connection drops them", () => {
  const { harness, seen } = connect();
  harness.feed(Buffer.concat([request(1, "a"), request(3, "b")]));
  harness.connection.abort();
  harness.connection.pump();
  expect(seen).toEqual(["a"]);
  expect([harness.budget.usedBytes, harness.connection.streamCount]).toEqual([0, 0]);
});

test("a graceful end serves them", () => {
  const { harness, seen } = connect();
  harness.feed(Buffer.concat([request(1, "a"), request(3, "b")]));
  harness.connection.shutDown(harness.nowMs);
  harness.take();
  harness.tick(1000);
  expect(seen).toEqual(["a", "b"]);
  expect(harness.connection.isOver).toBe(true);
});
