/** What a peer may not do, and that what well-behaved clients do is not taken for it. */
import { describe, expect, test } from "bun:test";
import type { ServerRequest, ServerResponse } from "../../../src/http2/api.ts";
import { ByteBudget } from "../../../src/http2/byte-budget.ts";
import { frameTypes } from "../../../src/http2/frames.ts";
import type { LimitName } from "../../../src/http2/limits.ts";
import {
  ACK,
  data,
  describeFrame,
  END_HEADERS,
  END_STREAM,
  frame,
  type HarnessOptions,
  Http2Harness,
  headers,
  okBlock,
  parseFrames,
  ping,
  preface,
  requestFields,
  resetStream,
  settings,
  windowUpdate,
} from "../../support/http2-harness.ts";

const never = { handle: () => undefined };

/** Sends until the connection ends; returns how many it took, at most `max`. */
function flood(harness: Http2Harness, next: (i: number) => Uint8Array, max = 100_000): number {
  for (let i = 1; i <= max; i++) {
    harness.send(next(i));
    if (harness.connection.isOver) return i;
  }
  return max;
}

describe("floods end the connection with ENHANCE_YOUR_CALM", () => {
  const openAndReset = (i: number) =>
    Buffer.concat([headers(2 * i - 1, requestFields, 0), resetStream(2 * i - 1)]);
  const malformed = (i: number) => headers(2 * i - 1, [["a", "b"]]);
  const insertions = (i: number) => {
    const block = Array.from({ length: 200 }, (_, j) => [0x40, 2, 97 + (j % 20), 97, 1, 98]).flat();
    return frame(frameTypes.HEADERS, END_HEADERS | 1, 2 * i - 1, block);
  };
  test.each([
    ["requests that are reset at once", openAndReset, "resets", 201, never],
    ["requests that make us reset them", malformed, "resets", 201, {}],
    ["PING", ping, "pings", 101, {}],
    ["SETTINGS", () => settings(), "settings_frames", 50, {}],
    ["PRIORITY", () => frame(frameTypes.PRIORITY, 0, 1, [0, 0, 0, 0, 1]), "idle_frames", 2001, {}],
    ["unknown frames", () => frame(0xee, 0, 0), "idle_frames", 2001, {}],
    ["WINDOW_UPDATE", () => windowUpdate(0, 1), "idle_frames", 2001, {}],
    ["changes of the dynamic table", insertions, "table_insertions", 25, {}],
  ] as [string, (i: number) => Uint8Array, LimitName, number, HarnessOptions][])(
    "%s",
    (_, next, limit, count, options) => {
      const harness = new Http2Harness(options);
      expect(flood(harness, next)).toBe(count);
      expect(harness.limitsReached).toEqual([limit]);
    },
  );

  test("says so, with the last stream that a handler saw", () => {
    const harness = new Http2Harness({
      limits: { resets: { burst: 2, perSecond: 0 } },
      handle: () => undefined,
    });
    harness.send(headers(1), headers(3), headers(5));
    expect(harness.send(resetStream(1), resetStream(3), resetStream(5))).toEqual([
      "GOAWAY 5 ENHANCE_YOUR_CALM",
    ]);
  });

  test("empty DATA", () => {
    const harness = new Http2Harness(never);
    harness.send(headers(1, requestFields, 0));
    expect(flood(harness, () => data(1, []))).toBe(2001);
    expect(harness.limitsReached).toEqual(["idle_frames"]);
  });

  test("CONTINUATION frames without end", () => {
    const harness = new Http2Harness();
    harness.send(frame(frameTypes.HEADERS, 0, 1, [0x82]));
    expect(flood(harness, () => frame(frameTypes.CONTINUATION, 0, 1))).toBe(17);
    expect(harness.limitsReached).toEqual(["continuation_frames"]);
  });

  test("a header block without end", () => {
    const harness = new Http2Harness();
    harness.send(frame(frameTypes.HEADERS, 0, 1, new Uint8Array(16_384).fill(0x82)));
    expect(
      flood(harness, () => frame(frameTypes.CONTINUATION, 0, 1, new Uint8Array(16_384).fill(0x82))),
    ).toBe(2);
    expect(harness.limitsReached).toEqual(["header_block"]);
  });

  test("answers that nobody reads", () => {
    const harness = new Http2Harness({ limits: { maxUnsentBytes: 10_000 } });
    for (let id = 1; !harness.connection.isOver; id += 2) harness.feed(headers(id));
    expect(harness.limitsReached).toEqual(["unsent_bytes"]);
    expect(harness.connection.output.length).toBeLessThan(10_100);
  });

  test("PING whose answers nobody reads", () => {
    const harness = new Http2Harness();
    let count = 0;
    for (; !harness.connection.isOver; count++) harness.feed(ping());
    // The first one was written to a socket that took it not.
    expect(count).toBe(12);
  });
});

describe("clients that are not meant", () => {
  test("cancel nearly half of their calls, for ever", () => {
    const harness = new Http2Harness({
      handle: (request, response) => {
        if (request.path === "/answer") response.sendHeaders(okBlock, true);
      },
    });
    const answer = requestFields.map(
      ([name, value]) => [name, name === ":path" ? "/answer" : value] as const,
    );
    const sent = flood(
      harness,
      (i) => {
        const id = 4 * i - 3;
        return Buffer.concat([headers(id), resetStream(id), headers(id + 2, answer)]);
      },
      5000,
    );
    expect([sent, harness.limitsReached]).toEqual([5000, []]);
  });

  test("ping for each message that they receive, to measure the line", () => {
    const harness = new Http2Harness();
    const sent = flood(harness, (i) => Buffer.concat([headers(2 * i - 1), ping(), ping()]), 5000);
    expect([sent, harness.limitsReached]).toEqual([5000, []]);
  });

  test("ping a hundred times a second", () => {
    const harness = new Http2Harness();
    const sent = flood(
      harness,
      () => {
        harness.nowMs += 10;
        return ping();
      },
      3000,
    );
    expect([sent, harness.limitsReached]).toEqual([3000, []]);
  });

  test("put a new timeout into the table with each call", () => {
    const harness = new Http2Harness();
    const block = (i: number) => {
      const timeout = Buffer.from(`${i}m`);
      const start = headers(1).subarray(9);
      return [...start, 0x40, 12, ...Buffer.from("grpc-timeout"), timeout.length, ...timeout];
    };
    const sent = flood(harness, (i) => frame(frameTypes.HEADERS, END_HEADERS | 1, 2 * i - 1, block(i)), 5000);
    expect([sent, harness.limitsReached]).toEqual([5000, []]);
  });

  test("open windows for what they receive", () => {
    const bytes = new Uint8Array(16_384);
    const harness = new Http2Harness({
      handle: (_, response) => response.answer(okBlock, bytes, 0, bytes.length),
    });
    const sent = flood(
      harness,
      (i) => {
        const id = 2 * i - 1;
        return Buffer.concat([headers(id), windowUpdate(0, 16_384), windowUpdate(id, 16_384)]);
      },
      5000,
    );
    expect([sent, harness.limitsReached]).toEqual([5000, []]);
  });
});

describe("streams", () => {
  test("beyond the allowed number are refused, and the others go on", () => {
    const responses: ServerResponse[] = [];
    const harness = new Http2Harness({
      limits: { maxConcurrentStreams: 2 },
      handle: (_, response) => void responses.push(response),
    });
    expect(harness.send(headers(1), headers(3), headers(5))).toEqual(["RST_STREAM 5 REFUSED_STREAM"]);
    responses[0]!.sendHeaders(okBlock, true);
    expect(harness.take()).toEqual(["HEADERS 1 :status=200 END_STREAM"]);
    expect(harness.send(headers(7))).toEqual([]);
    expect(responses).toHaveLength(3);
    expect(harness.limitsReached).toEqual(["concurrent_streams"]);
  });

  test("whose answers would take too much memory are reset; of a stream, a connection, and all", () => {
    const bytes = new Uint8Array(100_000);
    const answer = (_: ServerRequest, response: ServerResponse) =>
      response.answer(okBlock, bytes, 0, bytes.length);
    const small = { streamWindow: 65_535 };
    const rest = 100_000 - small.streamWindow;
    const oneTooLarge = new Http2Harness({ limits: { maxQueuedBytesPerStream: rest - 1 }, handle: answer });
    expect(oneTooLarge.send(headers(1)).at(-1)).toBe("RST_STREAM 1 ENHANCE_YOUR_CALM");

    const twoTooMany = new Http2Harness({
      limits: { maxQueuedBytesPerConnection: rest + 10 },
      handle: answer,
    });
    twoTooMany.send(windowUpdate(0, 1_000_000));
    expect(twoTooMany.send(headers(1)).at(-1)).toBe("DATA 1 16383");
    expect(twoTooMany.send(headers(3)).at(-1)).toBe("RST_STREAM 3 ENHANCE_YOUR_CALM");

    const budget = new ByteBudget(rest);
    const [first, second] = [
      new Http2Harness({ budget, handle: answer }),
      new Http2Harness({ budget, handle: answer }),
    ];
    expect(first!.send(headers(1)).at(-1)).toBe("DATA 1 16383");
    expect(second!.send(headers(1)).at(-1)).toBe("RST_STREAM 1 ENHANCE_YOUR_CALM");
    first!.connection.abort();
    expect(budget.usedBytes).toBe(0);
    expect(second!.send(windowUpdate(0, 1_000_000), headers(3)).at(-1)).toBe("DATA 3 16383");
  });

  test("whose bodies nobody listens to are reset when there are too many", () => {
    const harness = new Http2Harness({ limits: { maxQueuedBytes: 100_000 }, handle: () => undefined });
    const fill = (id: number) => [
      headers(id, requestFields, 0),
      ...Array.from({ length: 3 }, () => data(id, new Uint8Array(16_384))),
    ];
    expect(harness.send(...fill(1), ...fill(3))).toEqual([]);
    expect(harness.send(...fill(5))).toEqual(["RST_STREAM 5 ENHANCE_YOUR_CALM"]);
    expect(harness.send(...fill(5).slice(1))).toEqual([]);
    expect(harness.budget.usedBytes).toBe(6 * 16_384);
  });
});

describe("time", () => {
  const timeouts: [string, LimitName, Uint8Array[], number, string][] = [
    ["a client that says nothing", "preface_timeout", [], 10_000, "GOAWAY 0 PROTOCOL_ERROR"],
    [
      "a preface that does not end",
      "preface_timeout",
      [preface.subarray(0, 9)],
      10_000,
      "GOAWAY 0 PROTOCOL_ERROR",
    ],
    ["SETTINGS that do not come", "preface_timeout", [preface], 10_000, "GOAWAY 0 PROTOCOL_ERROR"],
    [
      "SETTINGS that are not acknowledged",
      "settings_timeout",
      [preface, settings()],
      30_000,
      "GOAWAY 0 SETTINGS_TIMEOUT",
    ],
  ];
  test.each(timeouts)("%s", (_, limit, bytes, afterMs, line) => {
    const harness = new Http2Harness({ isSilent: true });
    harness.send(...bytes);
    expect(harness.tick(afterMs - 1)).toEqual([]);
    expect(harness.tick(1)).toEqual([line]);
    expect(harness.limitsReached).toEqual([limit]);
  });

  test.each([
    ["a frame that does not end", headers(1).subarray(0, 20)],
    ["a header block that does not end", frame(frameTypes.HEADERS, 0, 1, [0x82])],
  ])("%s", (_, bytes) => {
    const harness = new Http2Harness();
    harness.send(bytes);
    expect(harness.tick(29_999)).toEqual([]);
    expect(harness.tick(1)).toEqual(["GOAWAY 0 ENHANCE_YOUR_CALM"]);
    expect(harness.limitsReached).toEqual(["frame_timeout"]);
  });

  test("a window that stays closed on an answer ends that stream; moving a little is enough", () => {
    const bytes = new Uint8Array(100_000);
    const harness = new Http2Harness({
      limits: { keepAliveIntervalMs: 1e9 },
      handle: (_, response) => response.answer(okBlock, bytes, 0, bytes.length),
    });
    harness.send(windowUpdate(0, 1_000_000), headers(1), headers(3));
    harness.tick(59_000);
    harness.send(windowUpdate(3, 1));
    expect(harness.tick(1000)).toEqual(["RST_STREAM 1 CANCEL"]);
    expect(harness.tick(58_999)).toEqual([]);
    expect(harness.tick(1)).toEqual(["RST_STREAM 3 CANCEL"]);
    expect(harness.limitsReached).toEqual(["stall_timeout", "stall_timeout"]);
    expect(harness.budget.usedBytes).toBe(0);
  });

  test("a socket that takes nothing ends the connection", () => {
    const harness = new Http2Harness();
    harness.feed(ping());
    harness.connection.wrote(0, harness.nowMs);
    harness.nowMs += 59_999;
    harness.connection.tick(harness.nowMs);
    expect(harness.connection.isOver).toBe(false);
    harness.nowMs += 1;
    harness.connection.tick(harness.nowMs);
    expect(harness.connection.isOver).toBe(true);
    expect(harness.connection.output.length).toBe(0);
  });

  test("a quiet connection is asked, and lives on by its answer", () => {
    const harness = new Http2Harness();
    for (let i = 0; i < 100; i++) {
      expect(harness.tick(60_000)).toEqual(["PING"]);
      expect(harness.send(frame(frameTypes.PING, ACK, 0, Buffer.from("are you?")))).toEqual([]);
    }
    expect(harness.tick(60_000)).toEqual(["PING"]);
    expect(harness.tick(19_999)).toEqual([]);
    expect(harness.tick(1)).toEqual(["GOAWAY 0 NO_ERROR"]);
    expect(harness.limitsReached).toEqual(["keep_alive_timeout"]);
  });

  test("a quiet stream lives on", () => {
    let response: ServerResponse | undefined;
    const harness = new Http2Harness({ handle: (_, given) => void (response = given) });
    harness.send(headers(1));
    for (let i = 0; i < 1000; i++) {
      harness.tick(60_000);
      harness.send(frame(frameTypes.PING, ACK, 0, Buffer.from("are you?")));
    }
    response!.sendHeaders(okBlock, true);
    expect(harness.take()).toEqual(["HEADERS 1 :status=200 END_STREAM"]);
  });
});

describe("the graceful end", () => {
  const shutdownAck = frame(frameTypes.PING, ACK, 0, Buffer.from("shutdown"));

  test("serves what was on its way, names the last stream, and is over after it", () => {
    const responses: ServerResponse[] = [];
    const harness = new Http2Harness({ handle: (_, response) => void responses.push(response) });
    harness.send(headers(1));
    harness.connection.shutDown(harness.nowMs);
    expect(harness.take()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING"]);
    expect(harness.send(headers(3))).toEqual([]);
    expect(harness.send(shutdownAck)).toEqual(["GOAWAY 3 NO_ERROR"]);
    expect(harness.send(headers(5), data(5, [1]), ping())).toEqual(["PING ACK"]);
    expect(responses).toHaveLength(2);
    responses[0]!.sendHeaders(okBlock, true);
    expect(harness.connection.isOver).toBe(false);
    responses[1]!.sendHeaders(okBlock, true);
    expect(harness.connection.isOver).toBe(true);
    expect(harness.take()).toEqual(["HEADERS 1 :status=200 END_STREAM", "HEADERS 3 :status=200 END_STREAM"]);
  });

  test("names the last stream after a second without an answer", () => {
    const harness = new Http2Harness();
    harness.send(headers(1));
    harness.connection.shutDown(harness.nowMs);
    harness.take();
    expect(harness.tick(999)).toEqual([]);
    expect(harness.tick(1)).toEqual(["GOAWAY 1 NO_ERROR"]);
    expect(harness.connection.isOver).toBe(true);
  });

  test("names one whose body is still to come, since the handler will see it", () => {
    const harness = new Http2Harness({ handle: () => undefined });
    harness.connection.shutDown(harness.nowMs);
    harness.take();
    expect(harness.send(headers(1, requestFields, 0), shutdownAck)).toEqual(["GOAWAY 1 NO_ERROR"]);
  });

  test("of a connection that never spoke comes at once", () => {
    const harness = new Http2Harness({ isSilent: true });
    harness.connection.shutDown(harness.nowMs);
    expect(harness.connection.isOver).toBe(true);
  });

  test("a stream that no handler saw is not named, though another one comes after it", () => {
    const harness = new Http2Harness();
    harness.send(headers(1, requestFields, 0), headers(3, [["a", "b"]]), data(1, [], END_STREAM));
    expect(harness.send(data(0, [1]))).toEqual(["GOAWAY 1 PROTOCOL_ERROR"]);
  });

  test("GOAWAY is the last frame after an error", () => {
    const harness = new Http2Harness({ handle: () => undefined });
    harness.feed(Buffer.concat([headers(1), ping(), data(0, [1]), ping()]));
    const lines = parseFrames(harness.takeBytes()).map(describeFrame);
    expect(lines).toEqual(["PING ACK", "GOAWAY 1 PROTOCOL_ERROR"]);
  });
});
