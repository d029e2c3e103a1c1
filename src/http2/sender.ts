/**
 * Puts the responses of a connection into its output, as far as windows and the output's own bound allow; what waits
 * goes in turns of one frame, so that no stream holds up the others.
 */
import { type ArrayPool, ByteQueue } from "./byte-queue.ts";
import { SendWindow } from "./flow-control.ts";
import { FrameWriter } from "./frame-writer.ts";
import { defaultMaxFrameBytes } from "./frames.ts";
import type { SendQueue } from "./send-queue.ts";
import { defaultWindowBytes } from "./settings.ts";
import type { Stream } from "./stream.ts";

/**
 * With so much in the output it is full, and is written in the middle of whatever adds to it. Much at once costs a socket,
 * and the peer that it wakes, far less than the same in portions; while too many peers hold so much already, it is little,
 * and fits a small array together with a frame.
 */
const largeFillBytes = 896 * 1024;
const smallFillBytes = 32 * 1024;

export class Sender {
  readonly output: ByteQueue;
  readonly frames: FrameWriter;
  /** Of the connection. */
  readonly window = new SendWindow(defaultWindowBytes);
  /** Streams with data that waits, whoever has waited longest first. */
  readonly waiting = new Set<Stream>();
  /** DATA frames that were ever sent. */
  dataFrameCount = 0;

  readonly arrays: ArrayPool;
  readonly #writeFull: () => void;

  /** `writeFull` writes what the socket takes of an output that is full. */
  constructor(arrays: ArrayPool, writeFull: () => void) {
    this.arrays = arrays;
    this.#writeFull = writeFull;
    this.output = new ByteQueue(arrays);
    this.frames = new FrameWriter(this.output);
  }

  /** Sends what can go at once, and returns how much that was. An end goes only with all of it. */
  send(stream: Stream, bytes: Uint8Array, start: number, length: number, isEnd: boolean): number {
    if (length === 0) {
      if (isEnd) this.writeData(stream, bytes, start, 0, true);
      return 0;
    }
    let sent = 0;
    while (sent < length) {
      const room = this.frameRoom(stream, length - sent);
      if (room <= 0) break;
      this.writeData(stream, bytes, start + sent, room, isEnd && sent + room === length);
      sent += room;
    }
    return sent;
  }

  /** Whether the output takes more. If not, the socket takes nothing either, and what is added would wait. */
  hasRoom(): boolean {
    // Most often there is little in it, whatever is much.
    if (this.output.length < smallFillBytes) return true;
    if (this.output.length >= this.#fillBytes) this.#writeFull();
    return this.output.length < this.#fillBytes;
  }

  get #fillBytes(): number {
    const mayBeLarge = this.arrays.isLarge(this.output.bytes) || this.arrays.hasLarge;
    return mayBeLarge ? largeFillBytes : smallFillBytes;
  }

  /** How many of `length` bytes the next frame of a stream may have; 0 or less when none. */
  frameRoom(stream: Stream, length: number): number {
    if (!this.hasRoom()) return 0;
    return Math.min(length, defaultMaxFrameBytes, stream.sendWindow.bytes, this.window.bytes);
  }

  /** Whether a whole answer with so much data can go at once. */
  canAnswer(stream: Stream, length: number): boolean {
    return this.frameRoom(stream, length) === length && length > 0;
  }

  /** Sends a whole answer; `canAnswer` was asked. */
  answer(
    stream: Stream,
    headers: Uint8Array,
    bytes: Uint8Array,
    start: number,
    length: number,
    trailers: Uint8Array | undefined,
  ): void {
    const { frames } = this;
    frames.headers(stream.id, headers, false);
    this.writeData(stream, bytes, start, length, trailers === undefined);
    if (trailers !== undefined) frames.headers(stream.id, trailers, true);
  }

  writeData(stream: Stream, bytes: Uint8Array, start: number, length: number, isEnd: boolean): void {
    stream.sendWindow.bytes -= length;
    this.window.bytes -= length;
    this.dataFrameCount++;
    this.frames.data(stream.id, bytes, start, length, isEnd);
  }

  writeQueued(stream: Stream, queue: SendQueue, length: number, isEnd: boolean): void {
    stream.sendWindow.bytes -= length;
    this.window.bytes -= length;
    this.dataFrameCount++;
    this.frames.queuedData(stream.id, queue, length, isEnd);
  }

  /** Adds data that waits to the output. */
  pump(): void {
    // The set is walked in order of insertion, and those added on the way are met again at its end.
    for (const stream of this.waiting) {
      if (this.window.bytes <= 0 || !this.hasRoom()) return;
      if (stream.sendWindow.bytes <= 0) continue;
      this.waiting.delete(stream);
      if (stream.sendQueued()) this.waiting.add(stream);
    }
  }
}
