/** What a link does with a socket that takes little, nothing, or breaks: the socket is played. */
import { describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import type { RequestHandler, ServerResponse } from "../../../src/http2/api.ts";
import { ByteBudget } from "../../../src/http2/byte-budget.ts";
import { ArrayPool } from "../../../src/http2/byte-queue.ts";
import { frameTypes } from "../../../src/http2/frames.ts";
import { defaultLimits } from "../../../src/http2/limits.ts";
import { silentHttp2Observer } from "../../../src/http2/observer.ts";
import { ReadScheduler } from "../../../src/http2/read-scheduler.ts";
import { type LinkOwner, SocketLink } from "../../../src/http2/socket-link.ts";
import { StreamPool } from "../../../src/http2/stream-pool.ts";
import {
  ACK,
  answerOk,
  data,
  describeFrame,
  frame,
  headers,
  okBlock,
  parseFrames,
  preface,
  settings,
  windowUpdate,
} from "../../support/http2-harness.ts";

class PlayedSocket {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort = 1;
  /** What each write takes at most. */
  room = Number.POSITIVE_INFINITY;
  readonly writes: Uint8Array[] = [];
  isEnded = false;
  isTerminated = false;

  write(bytes: Uint8Array, start: number, length: number): number {
    if (this.isTerminated) return -1;
    const taken = Math.min(length, this.room);
    this.writes.push(bytes.slice(start, start + taken));
    return taken;
  }

  pause(): void {
    // Nothing comes by itself.
  }

  resume(): void {
    // Nothing comes by itself.
  }

  end(): void {
    this.isEnded = true;
  }

  terminate(): void {
    this.isTerminated = true;
  }

  lines(): string[] {
    return parseFrames(Buffer.concat(this.writes)).map(describeFrame);
  }
}

function play(handle: RequestHandler) {
  const socket = new PlayedSocket();
  const planned: SocketLink[] = [];
  const owner: LinkOwner & { now: number } = {
    environment: {
      limits: defaultLimits,
      handle,
      observer: silentHttp2Observer,
      budget: new ByteBudget(1e9),
      arrays: new ArrayPool(),
      streams: new StreamPool(),
      http1Explanation: "",
    },
    now: 0,
    reads: new ReadScheduler(
      () => owner.now,
      (serve) => serve(),
    ),
    nowMs: () => owner.now,
    flushLater: (link: SocketLink) => void planned.push(link),
  };
  const link = new SocketLink(owner, socket as unknown as Socket<SocketLink>);
  link.open(socket as unknown as Socket<SocketLink>, false, undefined);
  link.receive(
    Buffer.concat([preface, settings(), frame(frameTypes.SETTINGS, ACK, 0), windowUpdate(0, 1 << 30)]),
  );
  socket.writes.length = 0;
  return { socket, link, planned, owner };
}

describe("a link", () => {
  test("answers all requests of one read in one write", () => {
    const { socket, link } = play(answerOk);
    link.receive(Buffer.concat([headers(1), headers(3), headers(5)]));
    expect(socket.writes).toHaveLength(1);
    expect(socket.lines()).toHaveLength(3);
  });

  test("asks for the end of the turn for answers that come later", () => {
    const responses: ServerResponse[] = [];
    const { socket, link, planned } = play((_, response) => void responses.push(response));
    link.receive(Buffer.concat([headers(1), headers(3)]));
    for (const response of responses) response.sendHeaders(okBlock, true);
    expect(socket.writes).toEqual([]);
    expect(planned).toContain(link);
    link.flush();
    expect(socket.writes).toHaveLength(1);
    expect(socket.lines()).toHaveLength(2);
  });

  test("goes on where a socket stopped, byte by byte if need be", () => {
    const bytes = new Uint8Array(50_000).map((_, i) => i);
    const { socket, link } = play((_, response) => response.answer(okBlock, bytes, 0, bytes.length, okBlock));
    socket.room = 7;
    link.receive(headers(1));
    for (let i = 0; i < 10_000; i++) link.flush();
    const frames = parseFrames(Buffer.concat(socket.writes));
    const body = Buffer.concat(frames.filter(({ type }) => type === "DATA").map(({ payload }) => payload));
    expect(body.equals(bytes)).toBe(true);
    expect(describeFrame(frames.at(-1)!)).toBe("HEADERS 1 :status=200 END_STREAM");
  });

  test("holds little outside of the budget while many others hold much", () => {
    const bytes = new Uint8Array(1_000_000);
    const { socket, link, owner } = play((_, response) => response.answer(okBlock, bytes, 0, bytes.length));
    const { arrays, budget } = owner.environment;
    while (arrays.hasLarge) arrays.take(500_000);
    socket.room = 0;
    link.receive(Buffer.concat([settings([4, 0x7fff_ffff]), windowUpdate(0, 1_000_000), headers(1)]));
    expect(budget.usedBytes).toBeGreaterThan(bytes.length - 60_000);
    socket.room = Number.POSITIVE_INFINITY;
    link.flush();
    const frames = parseFrames(Buffer.concat(socket.writes));
    const body = Buffer.concat(frames.filter(({ type }) => type === "DATA").map(({ payload }) => payload));
    expect(body.length).toBe(bytes.length);
    expect(Math.max(...socket.writes.map(({ length }) => length))).toBeLessThan(60_000);
  });

  test("holds a large answer for a socket that takes nothing within its bound", () => {
    const bytes = new Uint8Array(10_000_000);
    const { socket, link, owner } = play((_, response) => response.answer(okBlock, bytes, 0, bytes.length));
    socket.room = 0;
    link.receive(Buffer.concat([settings([4, 0x7fff_ffff]), headers(1)]));
    expect(owner.environment.budget.usedBytes).toBeGreaterThan(bytes.length - 1_000_000);
    socket.room = Number.POSITIVE_INFINITY;
    link.flush();
    const total = parseFrames(Buffer.concat(socket.writes)).reduce(
      (sum, { type, payload }) => sum + (type === "DATA" ? payload.length : 0),
      0,
    );
    expect(total).toBe(bytes.length);
    // No write is larger than what the output may hold.
    expect(Math.max(...socket.writes.map(({ length }) => length))).toBeLessThan(1_000_000);
    expect(owner.environment.budget.usedBytes).toBe(0);
  });

  test("ends the socket after the last word, and cuts it when the client stays", () => {
    const { socket, link, owner } = play(answerOk);
    socket.room = 5;
    link.receive(data(0, [1]));
    expect(socket.isEnded).toBe(false);
    socket.room = 100;
    link.flush();
    expect(socket.lines()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"]);
    expect(socket.isEnded).toBe(true);
    link.receive(headers(1));
    link.tick((owner.now += 1999));
    expect(socket.isTerminated).toBe(false);
    link.tick((owner.now += 1));
    expect(socket.isTerminated).toBe(true);
  });

  test("is gone with its socket, and lets go of everything", () => {
    const bytes = new Uint8Array(1_000_000);
    const { socket, link, owner } = play((_, response) => response.answer(okBlock, bytes, 0, bytes.length));
    link.receive(headers(1));
    expect(owner.environment.budget.usedBytes).toBeGreaterThan(0);
    socket.isTerminated = true;
    link.receive(windowUpdate(1, 100_000));
    expect(owner.environment.budget.usedBytes).toBe(0);
    link.closed();
    link.flush();
  });
});
