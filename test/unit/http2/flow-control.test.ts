/** Both sides of flow control against a client that keeps books. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { RequestListener, ServerRequest, ServerResponse } from "../../../src/http2/api.ts";
import { ReceiveWindow } from "../../../src/http2/flow-control.ts";
import { readUint31 } from "../../../src/http2/frames.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import {
  data,
  END_STREAM,
  type Frame,
  Http2Harness,
  headers,
  okBlock,
  requestFields,
  resetStream,
  settings,
  windowUpdate,
} from "../../support/http2-harness.ts";

const defaultWindow = 65_535;

describe("receive window", () => {
  test("what was granted is told in time: whoever consumes all can always be sent more", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(70_000), { maxLength: 50 }), (amounts) => {
        const window = new ReceiveWindow(defaultWindow);
        let announced = defaultWindow;
        for (const amount of amounts) {
          const received = Math.min(amount, announced);
          expect(window.receive(received)).toBe(true);
          announced -= received;
          window.grant(received);
          announced += window.takeUpdate();
          expect(announced).toBe(window.announcedBytes);
          expect(announced).toBeGreaterThan(defaultWindow / 2 - 1);
          expect(announced).toBeLessThanOrEqual(defaultWindow);
        }
      }),
    );
  });

  test("a single byte that is granted is told when the window is nearly used up", () => {
    const window = new ReceiveWindow(100);
    window.receive(100);
    window.grant(1);
    expect(window.takeUpdate()).toBe(1);
  });

  test("more than was told is an error, and never more than 2^31 - 1 is told", () => {
    const window = new ReceiveWindow(100);
    expect(window.receive(101)).toBe(false);
    window.grant(2 ** 32);
    expect(window.takeUpdate()).toBe(2 ** 31 - 1 - 100);
  });
});

/** What a client has of the responses: every byte counted against the windows that it gave. */
class Client {
  connectionWindow = defaultWindow;
  initialWindow = defaultWindow;
  readonly windows = new Map<number, number>();
  readonly received = new Map<number, Uint8Array[]>();
  readonly ended = new Set<number>();

  open(id: number): void {
    this.windows.set(id, this.initialWindow);
    this.received.set(id, []);
  }

  take(frames: readonly Frame[]): void {
    for (const { type, streamId, payload, flags } of frames) {
      if (type === "DATA") {
        this.connectionWindow -= payload.length;
        this.windows.set(streamId, this.windows.get(streamId)! - payload.length);
        if (payload.length > 0) {
          expect(this.connectionWindow).toBeGreaterThanOrEqual(0);
          expect(this.windows.get(streamId)!).toBeGreaterThanOrEqual(0);
        }
        expect(payload.length).toBeLessThanOrEqual(16_384);
        this.received.get(streamId)!.push(payload);
      }
      if ((type === "DATA" || type === "HEADERS") && flags & END_STREAM) {
        expect(this.ended.has(streamId)).toBe(false);
        this.ended.add(streamId);
      }
      expect(type).not.toBe("GOAWAY");
    }
  }
}

/** Each byte of a response is a function of its stream and place, so that order and completeness show. */
function content(id: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (id * 31 + i * 7 + (i >> 8)) & 0xff);
}

describe("sending", () => {
  test("waits for the window of the stream, and then for that of the connection", () => {
    const bytes = content(1, 200_000);
    const harness = new Http2Harness({
      handle: (_, response) => response.answer(okBlock, bytes, 0, bytes.length, okBlock),
    });
    expect(harness.send(headers(1))).toEqual([
      "HEADERS 1 :status=200",
      "DATA 1 16384",
      "DATA 1 16384",
      "DATA 1 16384",
      "DATA 1 16383",
    ]);
    expect(harness.budget.usedBytes).toBe(200_000 - 65_535);
    expect(harness.send(windowUpdate(1, 1_000_000))).toEqual([]);
    expect(harness.send(windowUpdate(0, 10))).toEqual(["DATA 1 10"]);
    const rest = harness.send(windowUpdate(0, 1_000_000));
    expect(rest.at(-1)).toBe("HEADERS 1 :status=200 END_STREAM");
    expect(rest.slice(0, -1).reduce((sum, line) => sum + Number(line.split(" ")[2]), 0)).toBe(
      200_000 - 65_545,
    );
    expect(harness.budget.usedBytes).toBe(0);
    expect(harness.connection.streamCount).toBe(0);
  });

  test("a window may become negative, and opens again only above 0", () => {
    const bytes = content(1, 100_000);
    const harness = new Http2Harness({
      handle: (_, response) => response.answer(okBlock, bytes, 0, bytes.length),
    });
    harness.send(windowUpdate(0, 1_000_000), headers(1));
    expect(harness.send(settings([4, 100]))).toEqual(["SETTINGS ACK"]);
    expect(harness.send(windowUpdate(1, 65_435))).toEqual([]);
    expect(harness.send(windowUpdate(1, 1))).toEqual(["DATA 1 1"]);
    expect(harness.send(settings([4, 200]))).toEqual(["SETTINGS ACK", "DATA 1 100"]);
  });

  test("an empty end needs no window", () => {
    let end = (): void => expect.unreachable();
    const bytes = content(1, defaultWindow);
    const harness = new Http2Harness({
      handle: (_, response) => {
        response.sendHeaders(okBlock);
        response.sendData(bytes, 0, bytes.length);
        end = () => void response.sendData(bytes, 0, 0, true);
      },
    });
    harness.send(headers(1));
    end();
    expect(harness.take()).toEqual(["DATA 1 0 END_STREAM"]);
  });

  test("streams take turns, and one whose window is closed holds up no other", () => {
    const bytes = content(0, 300_000);
    const harness = new Http2Harness({
      handle: (_, response) => response.answer(okBlock, bytes, 0, bytes.length),
    });
    harness.send(headers(1), headers(3), headers(5));
    harness.send(windowUpdate(3, 1_000_000), windowUpdate(5, 1_000_000));
    const lines = harness.send(windowUpdate(0, 16_384 * 6));
    expect(lines.filter((line) => line.startsWith("DATA 3"))).toHaveLength(3);
    expect(lines.filter((line) => line.startsWith("DATA 5"))).toHaveLength(3);
  });

  test("tells when to wait and when there is room again", async () => {
    let response: ServerResponse | undefined;
    const harness = new Http2Harness({
      limits: { streamSendBufferBytes: 1000 },
      handle: (_, given) => {
        response = given;
        given.sendHeaders(okBlock);
      },
    });
    harness.send(headers(1));
    expect(response!.sendData(content(1, defaultWindow), 0, defaultWindow)).toBe(true);
    expect(response!.sendData(content(1, 999), 0, 999)).toBe(true);
    expect(await response!.whenWritable()).toBe(true);
    expect(response!.sendData(content(1, 1), 0, 1)).toBe(false);
    let isWritable: boolean | undefined;
    const waiting = response!.whenWritable().then((value) => (isWritable = value));
    harness.send(windowUpdate(0, 499), windowUpdate(1, 499));
    await Promise.resolve();
    expect(isWritable).toBeUndefined();
    harness.send(windowUpdate(0, 1), windowUpdate(1, 1));
    await waiting;
    expect(isWritable).toBe(true);
    response!.sendData(content(1, 999), 0, 999);
    const last = response!.whenWritable();
    harness.send(resetStream(1));
    expect(await last).toBe(false);
    expect(response!.sendData(content(1, 1), 0, 1)).toBe(false);
    expect(harness.budget.usedBytes).toBe(0);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "never more than the client allows, and in the end all: seed %d",
    (seed) => {
      const random = seededRandom(seed);
      const below = (limit: number) => random.uint32() % limit;
      const lengths = new Map<number, number>();
      const harness = new Http2Harness({
        handle: (request, response) => {
          const id = Number(request.path.slice(1));
          const bytes = content(id, lengths.get(id)!);
          if (id % 3 === 0) {
            response.answer(okBlock, bytes, 0, bytes.length, okBlock);
            return;
          }
          response.sendHeaders(okBlock);
          const cut = below(bytes.length + 1);
          response.sendData(bytes, 0, cut);
          response.sendData(bytes, cut, bytes.length - cut, true);
        },
      });
      const client = new Client();
      let nextId = 1;
      const step = () => {
        const choice = below(10);
        if (choice < 3) {
          const id = nextId;
          nextId += 2;
          client.open(id);
          lengths.set(id, below(4) === 0 ? below(300_000) : below(2000));
          const fields = requestFields.map(
            ([name, value]) => [name, name === ":path" ? `/${id}` : value] as const,
          );
          harness.feed(headers(id, fields));
        } else if (choice < 5) {
          const update = 1 + below(100_000);
          client.connectionWindow += update;
          harness.feed(windowUpdate(0, update));
        } else if (choice < 8) {
          const open = [...client.windows.keys()].filter((id) => !client.ended.has(id));
          const id = open[below(open.length)];
          if (id === undefined) return;
          const update = 1 + below(100_000);
          client.windows.set(id, client.windows.get(id)! + update);
          harness.feed(windowUpdate(id, update));
        } else if (choice === 8) {
          // What was written before the new setting counts by the old one.
          client.take(harness.takeFrames());
          const initial = below(2) === 0 ? below(100_000) : below(100);
          for (const [id, window] of client.windows)
            client.windows.set(id, window + initial - client.initialWindow);
          client.initialWindow = initial;
          harness.feed(settings([4, initial]));
        } else client.take(harness.takeFrames());
      };
      for (let i = 0; i < 300; i++) {
        // Settings are bounded as time goes by.
        harness.nowMs += 100;
        step();
      }
      client.take(harness.takeFrames());
      client.connectionWindow += 1 << 30;
      harness.feed(windowUpdate(0, 1 << 30));
      for (const id of client.windows.keys()) {
        if (client.ended.has(id)) continue;
        client.windows.set(id, client.windows.get(id)! + (1 << 30));
        harness.feed(windowUpdate(id, 1 << 30));
      }
      client.take(harness.takeFrames());
      for (const [id, length] of lengths) {
        expect(Buffer.concat(client.received.get(id)!).equals(content(id, length))).toBe(true);
        expect(client.ended.has(id)).toBe(true);
      }
      expect(harness.budget.usedBytes).toBe(0);
      expect(harness.connection.streamCount).toBe(0);
    },
  );
});

describe("receiving", () => {
  const listening = (listener: (request: ServerRequest) => RequestListener) => (request: ServerRequest) =>
    request.listen(listener(request));
  const ignore = { end: () => {}, aborted: () => {} };

  test("DATA beyond the window of a stream ends that stream", () => {
    const harness = new Http2Harness({ handle: listening(() => ({ data: () => {}, ...ignore })) });
    const full = Array.from({ length: 4 }, (_, i) => data(1, new Uint8Array(i < 3 ? 16_384 : 16_383)));
    expect(harness.send(headers(1, requestFields, 0), ...full)).toEqual([]);
    expect(harness.send(data(1, [1]))).toEqual(["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
  });

  test("DATA beyond the window of the connection ends the connection", () => {
    const harness = new Http2Harness({
      limits: { connectionWindowBytes: defaultWindow },
      handle: listening(() => ({ data: () => {}, ...ignore })),
    });
    const piece = new Uint8Array(16_384);
    const frames = [headers(1, requestFields, 0), headers(3, requestFields, 0)];
    for (let i = 0; i < 4; i++) frames.push(data(i < 2 ? 1 : 3, piece));
    // All in one read: nothing can be opened in between.
    expect(harness.send(...frames)).toEqual(["GOAWAY 0 FLOW_CONTROL_ERROR"]);
  });

  test("padding is counted, and opened again by itself", () => {
    const harness = new Http2Harness({
      handle: listening((request) => ({ data: (_, __, length) => request.grant(length), ...ignore })),
    });
    const padded = data(1, [200, ...new Uint8Array(200)], 0x8);
    let updates = 0;
    harness.send(headers(1, requestFields, 0));
    for (let i = 0; i < 400; i++) {
      for (const line of harness.send(padded))
        if (line.startsWith("WINDOW_UPDATE 1")) updates += Number(line.split(" ")[2]);
    }
    expect(updates).toBeGreaterThan(400 * 201 - defaultWindow);
  });

  test("the window of the connection stays open while streams wait", () => {
    const harness = new Http2Harness({ handle: listening(() => ({ data: () => {}, ...ignore })) });
    let opened = 0;
    for (let id = 1; id < 400; id += 2) {
      const frames = Array.from({ length: 3 }, () => data(id, new Uint8Array(16_384)));
      for (const line of harness.send(headers(id, requestFields, 0), ...frames)) {
        expect(line).toStartWith("WINDOW_UPDATE 0");
        opened += Number(line.split(" ")[2]);
      }
    }
    expect(opened).toBeGreaterThan(200 * 3 * 16_384 - (4 << 20) / 2);
  });

  test("what is granted ahead lets a large body come without a pause", () => {
    const harness = new Http2Harness({
      handle: (request) => {
        request.grant(1 << 20);
        request.listen({ data: () => {}, ...ignore });
      },
    });
    expect(harness.send(headers(1, requestFields, 0))).toEqual([`WINDOW_UPDATE 1 ${1 << 20}`]);
  });

  test.each([1, 2, 3, 4])(
    "a client that obeys is never stuck, whatever is consumed when: seed %d",
    (seed) => {
      const random = seededRandom(seed);
      const below = (limit: number) => random.uint32() % limit;
      const unconsumed: { request: ServerRequest; length: number }[] = [];
      let receivedBytes = 0;
      let endCount = 0;
      const harness = new Http2Harness({
        handle: listening((request) => ({
          data: (_, __, length) => {
            receivedBytes += length;
            unconsumed.push({ request, length });
          },
          end: () => endCount++,
          aborted: () => expect.unreachable(),
        })),
      });
      const ids = [1, 3, 5, 7];
      const windows = new Map(ids.map((id) => [id, defaultWindow]));
      const left = new Map(ids.map((id) => [id, 1_000_000]));
      let connectionWindow = defaultWindow + 4_128_769;
      const take = () => {
        for (const { type, streamId, payload } of harness.takeFrames()) {
          expect(type).toBe("WINDOW_UPDATE");
          const update = readUint31(payload, 0);
          if (streamId === 0) connectionWindow += update;
          else windows.set(streamId, windows.get(streamId)! + update);
        }
      };
      for (const id of ids) harness.feed(headers(id, requestFields, 0));
      for (let round = 0; endCount < ids.length; round++) {
        expect(round).toBeLessThan(20_000);
        const id = ids[below(ids.length)]!;
        const length = Math.min(1 + below(16_384), windows.get(id)!, connectionWindow, left.get(id)!);
        if (length > 0) {
          windows.set(id, windows.get(id)! - length);
          left.set(id, left.get(id)! - length);
          connectionWindow -= length;
          harness.feed(data(id, new Uint8Array(length), left.get(id) === 0 ? END_STREAM : 0));
        }
        for (let i = below(3); i > 0 && unconsumed.length > 0; i--) {
          const [{ request, length: consumed }] = unconsumed.splice(below(unconsumed.length), 1) as [
            { request: ServerRequest; length: number },
          ];
          request.grant(consumed);
        }
        take();
      }
      expect(receivedBytes).toBe(4_000_000);
    },
  );
});
