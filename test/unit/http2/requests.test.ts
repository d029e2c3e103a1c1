/** What a handler sees of requests, and which messages are malformed (RFC 9113, section 8). */
import { describe, expect, test } from "bun:test";
import type { RequestHandler, ServerRequest } from "../../../src/http2/api.ts";
import { frameTypes } from "../../../src/http2/frames.ts";
import type { Field } from "../../../src/http2/hpack/encoder.ts";
import {
  answerOk,
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  Http2Harness,
  headers,
  requestFields,
  resetStream,
} from "../../support/http2-harness.ts";

const malformed = ["RST_STREAM 1 PROTOCOL_ERROR"];
const fine = ["HEADERS 1 :status=200 END_STREAM"];

function without(name: string): Field[] {
  return requestFields.filter(([other]) => other !== name);
}
function replaced(name: string, value: string): Field[] {
  return requestFields.map(([other, old]) => [other, other === name ? value : old]);
}
const added = (...fields: Field[]): Field[] => [...requestFields, ...fields];

interface Seen {
  readonly request: ServerRequest;
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly fields: [string, string][];
  readonly body: string;
  readonly isWhole: boolean;
}

/** Copies what the handler may look at only while it runs. */
function spy(seen: Seen[], handle: RequestHandler = answerOk): RequestHandler {
  return (request, response) => {
    const { method, path, authority, isWhole, fields } = request;
    seen.push({
      request,
      method,
      path,
      authority,
      isWhole,
      fields: Array.from({ length: fields.count }, (_, i) => [fields.name(i), fields.value(i)]),
      body: Buffer.from(request.body.copy()).toString(),
    });
    handle(request, response);
  };
}

describe("fields", () => {
  test.each([
    ["the usual ones", requestFields, fine],
    ["regular ones after them", added(["a", "b"], ["te", "trailers"], ["cookie", "c"], ["x", ""]), fine],
    ["TE in capitals", added(["te", "Trailers"]), fine],
    ["bytes above 0x7f in a value", added(["a", "\u00e9\u00ff"]), fine],
    ["no :method", without(":method"), malformed],
    ["no :scheme", without(":scheme"), malformed],
    ["no :path", without(":path"), malformed],
    ["no :authority", without(":authority"), fine],
    ["a second :path", [...requestFields, [":path", "/"]], malformed],
    ["an empty :path", replaced(":path", ""), malformed],
    ["a :path that is none", replaced(":path", "test"), malformed],
    ["a :path with a blank", replaced(":path", "/a b"), malformed],
    ["a :path with a fragment", replaced(":path", "/a#b"), malformed],
    ["* as :path of POST", replaced(":path", "*"), malformed],
    ["a :method that is no token", replaced(":method", "PO ST"), malformed],
    ["an empty :method", replaced(":method", ""), malformed],
    ["a :scheme that is none", replaced(":scheme", "1http"), malformed],
    ["user information in :authority", replaced(":authority", "a@b"), malformed],
    ["a pseudo-header field after a regular one", [["a", "b"], ...requestFields], malformed],
    ["a pseudo-header field of responses", [...requestFields, [":status", "200"]], malformed],
    ["an unknown pseudo-header field", [...requestFields, [":protocol", "websocket"]], malformed],
    ["capitals in a name", added(["A", "b"]), malformed],
    ["a blank in a name", added(["a b", "c"]), malformed],
    ["a colon in a name", added(["a:b", "c"]), malformed],
    ["an empty name", added(["", "c"]), malformed],
    ["bytes above 0x7f in a name", added(["\u00e9", "c"]), malformed],
    ["a line break in a value", added(["a", "b\nc"]), malformed],
    ["a carriage return in a value", added(["a", "b\rc"]), malformed],
    ["NUL in a value", added(["a", "b\0"]), malformed],
    ["a blank before a value", added(["a", " b"]), malformed],
    ["a tab after a value", added(["a", "b\t"]), malformed],
    ["connection", added(["connection", "close"]), malformed],
    ["keep-alive", added(["keep-alive", "1"]), malformed],
    ["proxy-connection", added(["proxy-connection", "close"]), malformed],
    ["transfer-encoding", added(["transfer-encoding", "chunked"]), malformed],
    ["upgrade", added(["upgrade", "h2c"]), malformed],
    ["TE with something else", added(["te", "gzip"]), malformed],
    ["host as :authority", added(["host", "LOCALHOST"]), fine],
    ["host unlike :authority", added(["host", "other"]), malformed],
    ["two hosts that differ", [...without(":authority"), ["host", "a"], ["host", "b"]], malformed],
    ["a content-length that is none", added(["content-length", "1a"]), malformed],
    ["a negative content-length", added(["content-length", "-1"]), malformed],
    ["two content-lengths that differ", added(["content-length", "0"], ["content-length", "1"]), malformed],
    ["two content-lengths that agree", added(["content-length", "0"], ["content-length", "00"]), fine],
  ] as [string, Field[], string[]][])("%s", (_, fields, expected) => {
    expect(new Http2Harness().send(headers(1, fields))).toEqual(expected);
  });

  test.each([
    [
      "CONNECT",
      [
        [":method", "CONNECT"],
        [":authority", "a:1"],
      ],
      fine,
    ],
    [
      "CONNECT with a path",
      [
        [":method", "CONNECT"],
        [":authority", "a:1"],
        [":path", "/"],
      ],
      malformed,
    ],
    ["CONNECT without an authority", [[":method", "CONNECT"]], malformed],
    [
      "OPTIONS *",
      [
        [":method", "OPTIONS"],
        [":scheme", "http"],
        [":path", "*"],
      ],
      fine,
    ],
  ] as [string, Field[], string[]][])("%s", (_, fields, expected) => {
    expect(new Http2Harness().send(headers(1, fields))).toEqual(expected);
  });

  test("a malformed field stays malformed when it comes from the table", () => {
    const harness = new Http2Harness();
    const block = (...bytes: number[]) => Buffer.from(bytes);
    const start = Buffer.from(headers(1).subarray(9));
    const request = (id: number, rest: Uint8Array) => {
      const bytes = Buffer.concat([Buffer.from(headers(id)).subarray(0, 9), start, rest]);
      bytes.writeUIntBE(bytes.length - 9, 0, 3);
      return bytes;
    };
    expect(harness.send(request(1, block(0x40, 1, 65, 1, 98)))).toEqual(malformed);
    expect(harness.send(request(3, block(0xbe)))).toEqual(["RST_STREAM 3 PROTOCOL_ERROR"]);
    expect(harness.send(request(5, block()))).toEqual(["HEADERS 5 :status=200 END_STREAM"]);
  });

  test("a value that is malformed under one name is fine under another", () => {
    const harness = new Http2Harness();
    const literal = (id: number, nameIndex: number) => {
      const block = [0x83, 0x86, ...(nameIndex === 4 ? [] : [0x84]), nameIndex, 3, 97, 98, 99];
      return frame(frameTypes.HEADERS, END_HEADERS | END_STREAM, id, block);
    };
    expect(harness.send(literal(1, 4))).toEqual(malformed);
    expect(harness.send(literal(3, 1))).toEqual(["HEADERS 3 :status=200 END_STREAM"]);
  });

  test("are handed on without the pseudo-header fields, in their order", () => {
    const seen: Seen[] = [];
    const harness = new Http2Harness({ handle: spy(seen) });
    harness.send(headers(1, added(["b", "1"], ["a", "2"], ["b", "3"])));
    expect(seen[0]).toMatchObject({ method: "POST", path: "/test.Service/Method", authority: "localhost" });
    expect(seen[0]!.fields).toEqual([
      ["b", "1"],
      ["a", "2"],
      ["b", "3"],
    ]);
  });

  test("host stands in for :authority", () => {
    const seen: Seen[] = [];
    new Http2Harness({ handle: spy(seen) }).send(headers(1, [...without(":authority"), ["host", "a"]]));
    expect(seen[0]!.authority).toBe("a");
  });

  test("too many are answered by 431, and the connection goes on", () => {
    const harness = new Http2Harness({ limits: { maxHeaderListBytes: 300 } });
    const large = added(["a", "x".repeat(200)]);
    expect(harness.send(headers(1, large))).toEqual(["HEADERS 1 :status=431 END_STREAM"]);
    expect(harness.send(headers(3, large, 0))).toEqual([
      "HEADERS 3 :status=431 END_STREAM",
      "RST_STREAM 3 NO_ERROR",
    ]);
    expect(harness.limitsReached).toEqual(["header_list", "header_list"]);
    expect(harness.send(headers(5))).toEqual(["HEADERS 5 :status=200 END_STREAM"]);
  });
});

describe("bodies", () => {
  const withLength = (length: number) => added(["content-length", String(length)]);
  test.each([
    ["as long as announced", [headers(1, withLength(3), 0), data(1, [1, 2, 3], END_STREAM)], fine],
    ["shorter", [headers(1, withLength(3), 0), data(1, [1], END_STREAM)], malformed],
    ["longer", [headers(1, withLength(3), 0), data(1, [1, 2]), data(1, [3, 4])], malformed],
    ["missing", [headers(1, withLength(3))], malformed],
    ["ended by trailers", [headers(1, withLength(1), 0), data(1, [1]), headers(1, [["a", "b"]])], fine],
    [
      "ended by trailers too early",
      [headers(1, withLength(2), 0), data(1, [1]), headers(1, [["a", "b"]])],
      malformed,
    ],
  ])("%s", (_, frames, expected) => {
    expect(new Http2Harness().send(...frames)).toEqual(expected);
  });

  test("whole in one read, from one frame or from several", () => {
    const seen: Seen[] = [];
    const harness = new Http2Harness({ handle: spy(seen) });
    const text = (value: string) => Buffer.from(value);
    harness.send(headers(1, requestFields, 0), data(1, text("one"), END_STREAM));
    harness.send(
      headers(3, requestFields, 0),
      data(3, text("a")),
      data(3, []),
      data(3, text("b"), END_STREAM),
    );
    expect(seen.map(({ body, isWhole }) => [body, isWhole])).toEqual([
      ["one", true],
      ["ab", true],
    ]);
    expect(harness.budget.usedBytes).toBe(0);
  });

  test("of requests that interleave in one read", () => {
    const seen: Seen[] = [];
    const harness = new Http2Harness({ handle: spy(seen) });
    const text = (value: string) => Buffer.from(value);
    harness.send(
      headers(1, requestFields, 0),
      headers(3, requestFields, 0),
      data(3, text("c")),
      data(1, text("a")),
      data(3, text("d"), END_STREAM),
      data(1, text("b"), END_STREAM),
    );
    expect(seen.map(({ body }) => body)).toEqual(["cd", "ab"]);
  });

  test("over several reads, to a listener", () => {
    const pieces: string[] = [];
    let trailer: string | undefined;
    const harness = new Http2Harness({
      handle: (request, response) => {
        expect(request.isWhole).toBe(false);
        request.listen({
          data: (bytes, start, length) =>
            pieces.push(Buffer.from(bytes.slice(start, start + length)).toString()),
          end: () => {
            trailer = request.trailers?.get("checksum");
            response.sendHeaders(Uint8Array.of(0x88), true);
          },
          aborted: () => expect.unreachable(),
        });
      },
    });
    expect(harness.send(headers(1, requestFields, 0), data(1, Buffer.from("ab")))).toEqual([]);
    expect(harness.send(data(1, Buffer.from("cd")))).toEqual([]);
    expect(harness.send(headers(1, [["checksum", "7"]]))).toEqual(fine);
    expect([pieces, trailer]).toEqual([["ab", "cd"], "7"]);
  });

  test("wait for a listener that comes late, in memory that is counted", () => {
    let late: ServerRequest | undefined;
    const harness = new Http2Harness({ handle: (request) => void (late = request) });
    harness.send(headers(1, requestFields, 0), data(1, Buffer.from("ab")));
    harness.send(data(1, Buffer.from("cd")), data(1, [], END_STREAM));
    expect(harness.budget.usedBytes).toBe(4);
    const events: string[] = [];
    late!.listen({
      data: (bytes, start, length) => events.push(Buffer.from(bytes.slice(start, start + length)).toString()),
      end: () => events.push("end"),
      aborted: () => events.push("aborted"),
    });
    expect(events).toEqual(["abcd", "end"]);
    expect(harness.budget.usedBytes).toBe(0);
  });

  test("of a request that came in small reads is one that listens", () => {
    const bytes = Buffer.concat([headers(1, requestFields, 0), data(1, Buffer.from("hello"), END_STREAM)]);
    const pieces: string[] = [];
    const harness = new Http2Harness({
      handle: (request, response) =>
        request.listen({
          data: (from, start, length) =>
            pieces.push(Buffer.from(from.slice(start, start + length)).toString()),
          end: () => response.sendHeaders(Uint8Array.of(0x88), true),
          aborted: () => expect.unreachable(),
        }),
    });
    const lines = [...bytes].flatMap((byte) => harness.send(Uint8Array.of(byte)));
    expect(lines).toEqual(fine);
    expect(pieces.join("")).toBe("hello");
  });
});

describe("ends", () => {
  test("a request that its client takes back in the same read is never seen", () => {
    const seen: Seen[] = [];
    const harness = new Http2Harness({ handle: spy(seen) });
    expect(harness.send(headers(1, requestFields, 0), resetStream(1), headers(3))).toHaveLength(1);
    expect(seen).toHaveLength(1);
  });

  test("a listener hears of the client's reset, and nothing is sent any more", () => {
    const codes: number[] = [];
    let answer = (): void => expect.unreachable();
    const harness = new Http2Harness({
      handle: (request, response) => {
        request.listen({ data: () => {}, end: () => {}, aborted: (code) => codes.push(code) });
        answer = () => response.answer(Uint8Array.of(0x88), new Uint8Array(5), 0, 5);
      },
    });
    harness.send(headers(1));
    expect(harness.send(resetStream(1, 8))).toEqual([]);
    answer();
    expect(harness.take()).toEqual([]);
    expect(codes).toEqual([8]);
  });

  test("a listener hears of the end of the connection", () => {
    const codes: number[] = [];
    const harness = new Http2Harness({
      handle: (request) =>
        request.listen({ data: () => {}, end: () => {}, aborted: (code) => codes.push(code) }),
    });
    harness.send(headers(1));
    harness.connection.abort();
    expect(codes).toEqual([8]);
    expect(harness.connection.output.length).toBe(0);
  });

  test("an answer before the end of the request stops the rest of it", () => {
    const harness = new Http2Harness();
    expect(harness.send(headers(1, requestFields, 0))).toEqual([...fine, "RST_STREAM 1 NO_ERROR"]);
    expect(harness.send(data(1, [1]), data(1, [2], END_STREAM))).toEqual([]);
  });

  test("a handler that throws resets its request alone", () => {
    let count = 0;
    const harness = new Http2Harness({
      handle: (request, response) => {
        if (count++ === 0) throw new RangeError("a bug");
        answerOk(request, response);
      },
    });
    expect(harness.send(headers(1), headers(3))).toEqual([
      "RST_STREAM 1 INTERNAL_ERROR",
      "HEADERS 3 :status=200 END_STREAM",
    ]);
    expect(harness.failures).toEqual([new RangeError("a bug")]);
  });

  test("an old stream and a new one that shares its slot are two", () => {
    const bodies = new Map<string, string>();
    const harness = new Http2Harness({
      handle: (request, response) => {
        let body = "";
        request.listen({
          data: (bytes, start, length) => {
            body += Buffer.from(bytes.slice(start, start + length)).toString();
          },
          end: () => {
            bodies.set(request.path, body);
            response.sendHeaders(Uint8Array.of(0x88), true);
          },
          aborted: () => expect.unreachable(),
        });
      },
    });
    // As many slots as there are: 512 streams further on.
    const ids = [1, 1 + 2 * 512, 1 + 4 * 512];
    for (const id of ids) harness.send(headers(id, replaced(":path", `/${id}`), 0));
    for (const id of ids) harness.send(data(id, Buffer.from(`body of ${id}`)));
    expect(harness.connection.streamCount).toBe(3);
    for (const id of ids) expect(harness.send(data(id, [], END_STREAM))).toHaveLength(1);
    for (const id of ids) expect(bodies.get(`/${id}`)).toBe(`body of ${id}`);
    expect(harness.connection.streamCount).toBe(0);
  });

  test("a late answer of one request never reaches another", () => {
    const waiting: (() => void)[] = [];
    const harness = new Http2Harness({
      handle: (request, response) => {
        if (request.path === "/late") waiting.push(() => response.sendHeaders(Uint8Array.of(0x88), true));
        else answerOk(request, response);
      },
    });
    harness.send(headers(1, replaced(":path", "/late")));
    harness.send(resetStream(1));
    for (let id = 3; id < 50; id += 2) expect(harness.send(headers(id))).toHaveLength(1);
    for (const answer of waiting) answer();
    expect(harness.take()).toEqual([]);
  });
});
