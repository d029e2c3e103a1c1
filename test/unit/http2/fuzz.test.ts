/**
 * Random clients: frames made by a grammar, then damaged; cut into reads anywhere. Whatever comes, the connection does
 * not throw, writes whole frames in a legal order, and holds no more than it may.
 *
 * FUZZ_RUNS makes it longer; a failure names its seed, and FUZZ_SEED runs that one.
 */
import { describe, expect, test } from "bun:test";
import type { RequestHandler } from "../../../src/http2/api.ts";
import { frameTypes } from "../../../src/http2/frames.ts";
import type { Field } from "../../../src/http2/hpack/encoder.ts";
import { type Random, seededRandom } from "../../../src/platform/random.ts";
import {
  ACK,
  data,
  describeFrame,
  END_STREAM,
  encodeAny,
  type Frame,
  frame,
  Http2Harness,
  headers,
  okBlock,
  ping,
  preface,
  requestFields,
  resetStream,
  settings,
  windowUpdate,
} from "../../support/http2-harness.ts";

const runCount = Number(process.env["FUZZ_RUNS"] ?? 200);
const onlySeed = process.env["FUZZ_SEED"];
const seeds = onlySeed === undefined ? Array.from({ length: runCount }, (_, i) => i) : [Number(onlySeed)];

/** Small enough to need no window: what has to wait for one leaves earlier or later, as reads are cut. */
const answerBytes = 300;
const maxQueuedBytes = 200_000;
const maxUnsentBytes = 50_000;

class Dice {
  /** The next stream that a good client would open. */
  nextId = 1;
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  below(limit: number): number {
    return this.#random.uint32() % limit;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  bytes(maxLength: number): Uint8Array {
    return Uint8Array.from({ length: this.below(maxLength + 1) }, () => this.below(256));
  }
}

const oddFields: readonly Field[] = [
  ["content-length", "5"],
  ["content-length", "x"],
  ["te", "trailers"],
  ["te", "gzip"],
  ["connection", "close"],
  ["host", "localhost"],
  ["host", "other"],
  [":path", "/again"],
  ["Upper", "case"],
  ["cookie", "a=b"],
  ["x", "y".repeat(2000)],
];

function openNext(dice: Dice): number {
  dice.nextId += 2;
  return dice.nextId - 2;
}

/** One frame, or a few that belong together; most of them what a client may send. */
function randomFrames(dice: Dice): Uint8Array {
  const isNew = dice.below(3) > 0;
  const recent = Math.max(1, dice.nextId - 2 * (1 + dice.below(4)));
  const id = dice.below(40) === 0 ? dice.below(60) : recent;
  const flags = dice.below(6) === 0 ? dice.below(256) : dice.pick([0, END_STREAM]);
  switch (dice.below(14)) {
    case 0:
    case 1:
    case 2:
      return headers(isNew ? openNext(dice) : id, requestFields, flags & ~0x28);
    case 3:
      return headers(openNext(dice), [...requestFields, dice.pick(oddFields)], flags & ~0x28);
    case 4: {
      const block = Buffer.concat([encodeAny(requestFields), dice.bytes(dice.pick([0, 0, 0, 5]))]);
      const cut = dice.below(block.length);
      const next = openNext(dice);
      const rest = frame(frameTypes.CONTINUATION, dice.pick([4, 4, 4, 0]), next, block.subarray(cut));
      return Buffer.concat([frame(frameTypes.HEADERS, flags & 1, next, block.subarray(0, cut)), rest]);
    }
    case 5:
    case 6:
      return data(id, dice.bytes(dice.pick([5, 100, 16_384])), flags);
    case 7:
      return resetStream(id, dice.below(20));
    case 8:
      return windowUpdate(dice.pick([0, id]), dice.pick([1, 1000, 20_000, dice.below(100_000)]));
    case 9:
      return settings(
        [dice.pick([1, 3, 6, 99]), dice.pick([0, 1, 100, 65_535])],
        [4, 1000 + dice.below(100_000)],
      );
    case 10:
      return dice.pick([ping(), frame(frameTypes.PING, ACK, 0, Buffer.from("shutdown"))]);
    case 11:
      return headers(id, [["trailer", "1"]], END_STREAM);
    case 12:
      return frame(frameTypes.PRIORITY, 0, id, [0, 0, 0, 0, 1]);
    default:
      if (dice.below(4) > 0) return ping();
      return frame(dice.below(12), dice.below(256), id, dice.bytes(20));
  }
}

function randomStream(dice: Dice): Uint8Array {
  const frames = Array.from({ length: 1 + dice.below(40) }, () => randomFrames(dice));
  const bytes = Buffer.concat([preface, settings(), frame(frameTypes.SETTINGS, ACK, 0), ...frames]);
  if (dice.below(3) === 0)
    for (let i = dice.below(4); i >= 0; i--) bytes[dice.below(bytes.length)] = dice.below(256);
  return dice.below(10) === 0 ? bytes.subarray(0, dice.below(bytes.length)) : bytes;
}

/** Answers at the end of each request, by the path that its number names. */
const answerAtEnd: RequestHandler = (request, response) => {
  const body = new Uint8Array(answerBytes);
  request.listen({
    data: (_, __, length) => request.grant(length),
    end: () => {
      if (request.fields.get("cookie") !== undefined) response.reset(8);
      else response.answer(okBlock, body, 0, body.length, okBlock);
    },
    aborted: () => {},
  });
};

function newHarness(handle: RequestHandler): Http2Harness {
  return new Http2Harness({
    isSilent: true,
    handle,
    limits: { maxQueuedBytes, maxUnsentBytes, maxConcurrentStreams: 8 },
  });
}

/** What leaves on each stream is headers, data, an end or a reset, and then nothing; GOAWAY is followed by nothing. */
function checkOrder(frames: readonly Frame[]): void {
  const states = new Map<number, "headers" | "ended" | "reset">();
  for (const [i, { type, flags, streamId }] of frames.entries()) {
    const state = states.get(streamId);
    if (type === "HEADERS" || type === "DATA") {
      if (state === "ended" || state === "reset" || (type === "DATA" && state === undefined)) {
        expect(`${describeFrame(frames[i]!)} after ${state}`).toBe("in order");
      }
      states.set(streamId, flags & END_STREAM ? "ended" : "headers");
    } else if (type === "RST_STREAM") states.set(streamId, "reset");
    else if (type === "GOAWAY") expect(i).toBe(frames.length - 1);
  }
}

function checkBounds(harness: Http2Harness): void {
  const { budget, connection, failures } = harness;
  const isFine =
    budget.usedBytes <= maxQueuedBytes &&
    connection.output.length < maxUnsentBytes + 600_000 &&
    connection.streamCount <= 8 &&
    failures.length === 0;
  if (!isFine)
    expect([budget.usedBytes, connection.output.length, connection.streamCount, failures]).toEqual([]);
}

/** What does not depend on where the bytes were cut. */
function essence(frames: readonly Frame[]): string[] {
  return frames
    .map((entry) => describeFrame(entry).replace(/^GOAWAY \d+/, "GOAWAY"))
    .filter((line) => !line.startsWith("WINDOW_UPDATE"));
}

describe("any client", () => {
  test("gets whole frames in order, wherever its bytes are cut", () => {
    let answered = 0;
    let failed = 0;
    for (const seed of seeds) {
      const bytes = randomStream(new Dice(seed));
      const whole = newHarness(answerAtEnd);
      whole.feed(bytes);
      checkBounds(whole);
      const expected = whole.takeFrames();
      checkOrder(expected);
      answered += expected.filter(({ type, flags }) => type === "HEADERS" && flags & END_STREAM).length;
      failed += whole.connection.isOver ? 1 : 0;

      const dice = new Dice(seed + 1);
      const step = seed % 4 === 0 ? 1 : 1 + dice.below(300);
      const cut = newHarness(answerAtEnd);
      const inPieces: Frame[] = [];
      for (let start = 0; start < bytes.length; start += step) {
        cut.feed(bytes.subarray(start, start + step));
        checkBounds(cut);
        inPieces.push(...cut.takeFrames());
      }
      checkOrder(inPieces);
      expect([seed, essence(inPieces)]).toEqual([seed, essence(expected)]);
      for (const harness of [whole, cut]) {
        harness.connection.abort();
        expect([seed, harness.budget.usedBytes]).toEqual([seed, 0]);
      }
    }
    // Neither nothing nor everything is an error.
    if (onlySeed === undefined) {
      expect(answered).toBeGreaterThan(runCount / 4);
      expect(failed).toBeGreaterThan(runCount / 10);
      expect(failed).toBeLessThan(runCount);
    }
  });

  test("is survived by applications of every temper, slow sockets and time", () => {
    for (const seed of seeds) {
      const dice = new Dice(seed);
      const waiting: (() => void)[] = [];
      const temper: RequestHandler = (request, response) => {
        const act = () => {
          const body = new Uint8Array(dice.pick([0, 10, 70_000]));
          switch (dice.below(6)) {
            case 0:
              return response.answer(okBlock, body, 0, body.length, okBlock);
            case 1:
              return response.reset(dice.below(14));
            case 2:
              return request.grant(dice.below(200_000));
            case 3:
              response.sendHeaders(okBlock);
              response.sendData(body, 0, body.length);
              return void waiting.push(() => response.sendTrailers(okBlock));
            case 4:
              return request.listen({ data: () => {}, end: () => {}, aborted: () => {} });
            default:
              return response.sendHeaders(okBlock, true);
          }
        };
        if (dice.below(2) === 0) act();
        else waiting.push(act);
      };
      const harness = newHarness(temper);
      const frames: Frame[] = [];
      for (let part = 0; part < 5; part++) {
        const bytes = randomStream(dice);
        const offset = part === 0 ? 0 : preface.length;
        for (let start = offset; start < bytes.length; ) {
          const length = 1 + dice.below(2000);
          harness.feed(bytes.subarray(start, start + length));
          start += length;
          if (dice.below(3) === 0) frames.push(...harness.takeFrames());
          if (waiting.length > 0 && dice.below(2) === 0) runLate(waiting, dice);
          if (dice.below(20) === 0) {
            harness.nowMs += dice.below(20_000);
            harness.connection.tick(harness.nowMs);
          }
          checkBounds(harness);
        }
      }
      frames.push(...harness.takeFrames());
      checkOrder(frames);
      harness.connection.abort();
      expect([seed, harness.budget.usedBytes, harness.failures]).toEqual([seed, 0, []]);
    }
  });

  test("that sends noise is told so, or waited for", () => {
    for (const seed of seeds) {
      const dice = new Dice(seed);
      const harness = newHarness(answerAtEnd);
      harness.feed(Buffer.concat([seed % 2 === 0 ? preface : new Uint8Array(0), dice.bytes(2000)]));
      checkBounds(harness);
      harness.connection.abort();
    }
  });
});

/** A late act of an application; a second one of the same kind is its own mistake. */
function runLate(waiting: (() => void)[], dice: Dice): void {
  const [act] = waiting.splice(dice.below(waiting.length), 1);
  try {
    act!();
  } catch (error) {
    expect(String(error)).toMatch(/headers are sent once|one listener/);
  }
}
