/** Every frame type in every state of a stream: what is fine, and which error at which scope what is not. */
import { describe, expect, test } from "bun:test";
import { frameTypes } from "../../../src/http2/frames.ts";
import {
  ACK,
  data,
  END_HEADERS,
  END_STREAM,
  encodeAny,
  frame,
  Http2Harness,
  headers,
  PADDED,
  PRIORITY,
  ping,
  preface,
  requestFields,
  resetStream,
  settings,
  uint32,
  windowUpdate,
} from "../../support/http2-harness.ts";

const { DATA, HEADERS, PRIORITY: PRIORITY_FRAME, RST_STREAM, SETTINGS, PUSH_PROMISE } = frameTypes;
const { PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } = frameTypes;

const block = encodeAny(requestFields);
const ok = (id: number) => `HEADERS ${id} :status=200 END_STREAM`;
const goAway = (error: string, last = 0) => [`GOAWAY ${last} ${error}`];
const reset = (id: number, error: string) => [`RST_STREAM ${id} ${error}`];
/** A request whose body is still to come. */
const open = (id: number) => headers(id, requestFields, 0);

interface Case {
  readonly name: string;
  readonly send: Uint8Array[];
  readonly expect: string[];
}

function check(cases: readonly Case[]): void {
  test.each(cases.map((entry) => [entry.name, entry] as const))("%s", (_, { send, expect: expected }) => {
    // The handler waits for the body, so that a stream stays open on our side until its client has ended.
    const harness = new Http2Harness({
      handle: (request, response) => {
        const answer = () => response.sendHeaders(Uint8Array.of(0x88), true);
        request.listen({
          data: (_bytes, _start, length) => request.grant(length),
          end: answer,
          aborted: () => {},
        });
      },
    });
    expect(harness.send(...send)).toEqual(expected);
    expect(harness.connection.isOver).toBe(expected.some((line) => line.startsWith("GOAWAY")));
    expect(harness.failures).toEqual([]);
  });
}

describe("greeting", () => {
  test.each([
    ["SETTINGS", settings(), undefined],
    ["its acknowledgement", frame(SETTINGS, ACK, 0), "GOAWAY 0 PROTOCOL_ERROR"],
    ["a request", headers(1), "GOAWAY 0 PROTOCOL_ERROR"],
    ["PING", ping(), "GOAWAY 0 PROTOCOL_ERROR"],
  ])("the first frame is %s", (_, first, error) => {
    const lines = new Http2Harness({ isSilent: true }).send(preface, first);
    expect(lines.slice(0, 2)).toEqual(["SETTINGS", "WINDOW_UPDATE 0 4128769"]);
    expect(lines[2]).toBe(error ?? "SETTINGS ACK");
  });

  test("nothing is sent before the preface is complete", () => {
    const harness = new Http2Harness({ isSilent: true });
    for (let i = 0; i < preface.length - 1; i++) expect(harness.send(preface.subarray(i, i + 1))).toEqual([]);
    expect(harness.send(preface.subarray(preface.length - 1))).toEqual([
      "SETTINGS",
      "WINDOW_UPDATE 0 4128769",
    ]);
  });

  test("something else is an error at its first wrong byte", () => {
    const harness = new Http2Harness({ isSilent: true });
    expect(harness.send(Buffer.from("PRI * HTTP/2.0\r\n\r\nSX"))).toEqual(goAway("PROTOCOL_ERROR"));
  });

  test("HTTP/1 gets an answer that it understands", () => {
    const harness = new Http2Harness({ isSilent: true });
    harness.feed(Buffer.from("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"));
    const answer = Buffer.from(harness.takeBytes()).toString();
    expect(answer).toStartWith("HTTP/1.1 400 Bad Request\r\n");
    expect(answer).toEndWith("\r\n\r\ngRPC only\n");
    expect(harness.connection.isOver).toBe(true);
  });

  test("TLS gets an alert", () => {
    const harness = new Http2Harness({ isSilent: true });
    harness.feed(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00));
    expect([...harness.takeBytes()]).toEqual([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28]);
    expect(harness.connection.isOver).toBe(true);
  });
});

describe("DATA", () => {
  check([
    { name: "fills a request", send: [open(1), data(1, [1, 2]), data(1, [3], END_STREAM)], expect: [ok(1)] },
    { name: "may be padded", send: [open(1), data(1, [2, 7, 0, 0], PADDED | END_STREAM)], expect: [ok(1)] },
    {
      name: "may be padding alone",
      send: [open(1), data(1, [3, 0, 0, 0], PADDED | END_STREAM)],
      expect: [ok(1)],
    },
    {
      name: "with more padding than there is",
      send: [open(1), data(1, [4, 0, 0, 0], PADDED)],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "padded without a length",
      send: [open(1), frame(DATA, PADDED, 1)],
      expect: goAway("FRAME_SIZE_ERROR"),
    },
    { name: "on the connection", send: [data(0, [1])], expect: goAway("PROTOCOL_ERROR") },
    { name: "on an idle stream", send: [data(1, [1])], expect: goAway("PROTOCOL_ERROR") },
    {
      name: "on a stream of ours",
      send: [headers(3), data(2, [1])],
      expect: [ok(3), ...goAway("PROTOCOL_ERROR", 3)],
    },
    {
      name: "after the end of an answered request",
      send: [headers(1), data(1, [1])],
      expect: [ok(1), ...goAway("STREAM_CLOSED", 1)],
    },
    {
      name: "after the client reset the stream",
      send: [open(1), resetStream(1), data(1, [1])],
      expect: reset(1, "STREAM_CLOSED"),
    },
    {
      name: "of the largest size",
      send: [open(1), data(1, new Uint8Array(16_384), END_STREAM)],
      expect: [ok(1)],
    },
    {
      name: "larger than that",
      send: [open(1), data(1, new Uint8Array(16_385))],
      expect: goAway("FRAME_SIZE_ERROR"),
    },
  ]);

  test("on a stream that we have reset is ignored", () => {
    const harness = new Http2Harness({ handle: (_, response) => response.reset(8) });
    expect(harness.send(open(1))).toEqual(reset(1, "CANCEL"));
    expect(harness.send(data(1, [1]), data(1, [2], END_STREAM), ping())).toEqual(["PING ACK"]);
  });

  test("after the end of a request that is not answered yet", () => {
    const harness = new Http2Harness({ handle: () => undefined });
    expect(harness.send(headers(1), data(1, [1]))).toEqual(reset(1, "STREAM_CLOSED"));
  });
});

describe("HEADERS", () => {
  const withPriority = (dependency: number) => [...uint32(dependency), 15, ...block];
  check([
    { name: "is a request", send: [headers(1), headers(3), headers(9)], expect: [ok(1), ok(3), ok(9)] },
    {
      name: "may be padded and carry a priority",
      send: [frame(HEADERS, 0x2d, 1, [2, ...withPriority(0x8000_0003), 0, 0])],
      expect: [ok(1)],
    },
    { name: "on the connection", send: [headers(0)], expect: goAway("PROTOCOL_ERROR") },
    { name: "on an even stream", send: [headers(2)], expect: goAway("PROTOCOL_ERROR") },
    {
      name: "with a lower number than before",
      send: [headers(5), headers(3)],
      expect: [ok(5), ...goAway("STREAM_CLOSED", 5)],
    },
    {
      name: "on a stream that has ended",
      send: [headers(1), headers(1)],
      expect: [ok(1), ...goAway("STREAM_CLOSED", 1)],
    },
    {
      name: "on a stream that its client reset",
      send: [open(1), resetStream(1), headers(1)],
      expect: reset(1, "STREAM_CLOSED"),
    },
    {
      name: "as trailers",
      send: [open(1), data(1, [1]), headers(1, [["a", "b"]])],
      expect: [ok(1)],
    },
    {
      name: "as trailers that do not end the request",
      send: [open(1), headers(1, [["a", "b"]], 0)],
      expect: reset(1, "PROTOCOL_ERROR"),
    },
    {
      name: "as trailers with a pseudo-header field",
      send: [open(1), headers(1, [[":path", "/"]])],
      expect: reset(1, "PROTOCOL_ERROR"),
    },
    {
      name: "that depends on itself",
      send: [frame(HEADERS, END_HEADERS | END_STREAM | PRIORITY, 1, withPriority(1))],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "shorter than its priority",
      send: [frame(HEADERS, END_HEADERS | PRIORITY, 1, [0, 0])],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "with more padding than there is",
      send: [frame(HEADERS, END_HEADERS | PADDED, 1, [9, 0])],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "with an invalid block",
      send: [frame(HEADERS, END_HEADERS | END_STREAM, 1, [0x80])],
      expect: goAway("COMPRESSION_ERROR"),
    },
  ]);

  test("on a stream that we have reset are read, since they change the table", () => {
    const harness = new Http2Harness({ handle: (_, response) => response.reset(8) });
    harness.send(open(1));
    const insert = [0x40, 1, 97, 1, 98];
    expect(harness.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, insert))).toEqual([]);
    expect(harness.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, [...block, 0xbe]))).toEqual(
      reset(3, "CANCEL"),
    );
  });
});

describe("CONTINUATION", () => {
  const [first, second] = [block.slice(0, 10), block.slice(10)];
  const begin = frame(HEADERS, END_STREAM, 1, first);
  check([
    {
      name: "completes a block",
      send: [begin, frame(CONTINUATION, 0, 1), frame(CONTINUATION, END_HEADERS, 1, second)],
      expect: [ok(1)],
    },
    {
      name: "of nothing",
      send: [frame(CONTINUATION, END_HEADERS, 1, block)],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "of another stream",
      send: [begin, frame(CONTINUATION, END_HEADERS, 3, second)],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "after the end of the block",
      send: [headers(1), frame(CONTINUATION, END_HEADERS, 1)],
      expect: [ok(1), ...goAway("PROTOCOL_ERROR", 1)],
    },
    { name: "interrupted by DATA", send: [begin, data(1, [1])], expect: goAway("PROTOCOL_ERROR") },
    {
      name: "interrupted by an unknown frame",
      send: [begin, frame(0x77, 0, 0)],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "interrupted by PRIORITY",
      send: [begin, frame(PRIORITY_FRAME, 0, 3, [0, 0, 0, 0, 1])],
      expect: goAway("PROTOCOL_ERROR"),
    },
  ]);
});

describe("RST_STREAM", () => {
  check([
    { name: "ends a stream", send: [open(1), resetStream(1), ping()], expect: ["PING ACK"] },
    {
      name: "of a stream that has ended",
      send: [headers(1), resetStream(1), ping()],
      expect: [ok(1), "PING ACK"],
    },
    { name: "on the connection", send: [resetStream(0)], expect: goAway("PROTOCOL_ERROR") },
    { name: "on an idle stream", send: [resetStream(1)], expect: goAway("PROTOCOL_ERROR") },
    {
      name: "of a wrong length",
      send: [open(1), frame(RST_STREAM, 0, 1, [0, 0, 0])],
      expect: goAway("FRAME_SIZE_ERROR"),
    },
  ]);
});

describe("SETTINGS", () => {
  check([
    { name: "are acknowledged", send: [settings([3, 7], [0xfefe, 1])], expect: ["SETTINGS ACK"] },
    { name: "on a stream", send: [frame(SETTINGS, 0, 1)], expect: goAway("PROTOCOL_ERROR") },
    { name: "that are cut", send: [frame(SETTINGS, 0, 0, [0, 3, 0])], expect: goAway("FRAME_SIZE_ERROR") },
    {
      name: "in an acknowledgement",
      send: [frame(SETTINGS, ACK, 0, [0, 3, 0, 0, 0, 1])],
      expect: goAway("FRAME_SIZE_ERROR"),
    },
    { name: "ENABLE_PUSH of 2", send: [settings([2, 2])], expect: goAway("PROTOCOL_ERROR") },
    {
      name: "INITIAL_WINDOW_SIZE of 2^31",
      send: [settings([4, 2 ** 31])],
      expect: goAway("FLOW_CONTROL_ERROR"),
    },
    { name: "MAX_FRAME_SIZE below 16,384", send: [settings([5, 16_383])], expect: goAway("PROTOCOL_ERROR") },
    { name: "MAX_FRAME_SIZE of 2^24", send: [settings([5, 2 ** 24])], expect: goAway("PROTOCOL_ERROR") },
    { name: "NO_RFC7540_PRIORITIES of 2", send: [settings([9, 2])], expect: goAway("PROTOCOL_ERROR") },
    {
      name: "that make a window too large",
      send: [open(1), windowUpdate(1, 0x7fff_ffff - 65_535), settings([4, 65_536])],
      expect: goAway("FLOW_CONTROL_ERROR"),
    },
  ]);

  test("a smaller table is acknowledged, and then told in the next block, once", () => {
    const harness = new Http2Harness();
    harness.send(settings([1, 0]), settings([1, 4096]), settings([1, 100]));
    const [first, second] = [headers(1), headers(3)].map((bytes) => {
      harness.feed(bytes);
      return [...harness.takeFrames()[0]!.payload];
    });
    expect(first).toEqual([0x20, 0x88]);
    expect(second).toEqual([0x88]);
  });
});

describe("PING", () => {
  check([
    { name: "is answered", send: [ping()], expect: ["PING ACK"] },
    { name: "answers are ignored", send: [frame(PING, ACK, 0, new Uint8Array(8))], expect: [] },
    { name: "on a stream", send: [frame(PING, 0, 1, new Uint8Array(8))], expect: goAway("PROTOCOL_ERROR") },
    {
      name: "of a wrong length",
      send: [frame(PING, 0, 0, new Uint8Array(7))],
      expect: goAway("FRAME_SIZE_ERROR"),
    },
  ]);

  test("comes back as it was", () => {
    const harness = new Http2Harness();
    harness.feed(frame(PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]));
    expect([...harness.takeFrames()[0]!.payload]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe("WINDOW_UPDATE", () => {
  check([
    {
      name: "opens windows",
      send: [windowUpdate(0, 5), open(1), windowUpdate(1, 5), ping()],
      expect: ["PING ACK"],
    },
    { name: "on a stream that has ended", send: [headers(1), windowUpdate(1, 5)], expect: [ok(1)] },
    { name: "on an idle stream", send: [windowUpdate(1, 5)], expect: goAway("PROTOCOL_ERROR") },
    { name: "of 0 on the connection", send: [windowUpdate(0, 0)], expect: goAway("PROTOCOL_ERROR") },
    { name: "of 0 on a stream", send: [open(1), windowUpdate(1, 0)], expect: reset(1, "PROTOCOL_ERROR") },
    {
      name: "beyond 2^31 - 1 on the connection",
      send: [windowUpdate(0, 0x7fff_ffff)],
      expect: goAway("FLOW_CONTROL_ERROR"),
    },
    {
      name: "beyond 2^31 - 1 on a stream",
      send: [open(1), windowUpdate(1, 0x7fff_ffff)],
      expect: reset(1, "FLOW_CONTROL_ERROR"),
    },
    {
      name: "of a wrong length",
      send: [frame(WINDOW_UPDATE, 0, 0, [1])],
      expect: goAway("FRAME_SIZE_ERROR"),
    },
  ]);
});

describe("other frames", () => {
  check([
    {
      name: "PRIORITY is ignored",
      send: [frame(PRIORITY_FRAME, 0, 3, [0, 0, 0, 1, 1]), ping()],
      expect: ["PING ACK"],
    },
    {
      name: "PRIORITY on the connection",
      send: [frame(PRIORITY_FRAME, 0, 0, [0, 0, 0, 1, 1])],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "PRIORITY that depends on itself",
      send: [frame(PRIORITY_FRAME, 0, 3, [0, 0, 0, 3, 1])],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "PRIORITY of a wrong length on an open stream",
      send: [open(1), frame(PRIORITY_FRAME, 0, 1, [0])],
      expect: reset(1, "FRAME_SIZE_ERROR"),
    },
    {
      name: "PRIORITY of a wrong length on an idle stream",
      send: [frame(PRIORITY_FRAME, 0, 1, [0])],
      expect: goAway("FRAME_SIZE_ERROR"),
    },
    {
      name: "PUSH_PROMISE",
      send: [open(1), frame(PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2])],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "GOAWAY is ignored",
      send: [frame(GOAWAY, 0, 0, new Uint8Array(12)), headers(1)],
      expect: [ok(1)],
    },
    {
      name: "GOAWAY on a stream",
      send: [frame(GOAWAY, 0, 1, new Uint8Array(8))],
      expect: goAway("PROTOCOL_ERROR"),
    },
    {
      name: "GOAWAY that is cut",
      send: [frame(GOAWAY, 0, 0, new Uint8Array(7))],
      expect: goAway("FRAME_SIZE_ERROR"),
    },
    {
      name: "unknown types are ignored",
      send: [frame(0xfa, 0xff, 0, [1]), frame(0xfa, 0, 9, [1]), ping()],
      expect: ["PING ACK"],
    },
  ]);

  test("after an error nothing is read any more", () => {
    const harness = new Http2Harness();
    expect(harness.send(data(1, [1]), headers(3))).toEqual(goAway("PROTOCOL_ERROR"));
    expect(harness.send(headers(5), ping())).toEqual([]);
  });
});
