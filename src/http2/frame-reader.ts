/**
 * Cuts what arrives into frames, wherever the socket cut it.
 *
 * Frames are handed on where they lie. Only a frame that its read does not hold whole is gathered first, so at most
 * one frame is ever kept.
 */
import { type ArrayPool, ByteQueue } from "./byte-queue.ts";
import { clientPreface, defaultMaxFrameBytes, frameHeaderBytes, readUint24, readUint31 } from "./frames.ts";

export interface FrameSink {
  /** When true, nothing more is handed on. */
  readonly isOver: boolean;
  /** The client has greeted as a client of HTTP/2 does. */
  greeted(): void;
  /** The first bytes are of something else. */
  foreign(bytes: Uint8Array, start: number, length: number): void;
  /** The payload is valid until `read` returns; of the first frame of a read, until the next frame. */
  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void;
  tooLong(length: number): void;
}

export class FrameReader {
  #isGreeted = false;
  readonly #sink: FrameSink;
  /** The beginning of a frame, or of the greeting. */
  readonly #partial: ByteQueue;
  #partialSinceMs = 0;

  constructor(sink: FrameSink, pool: ArrayPool) {
    this.#sink = sink;
    this.#partial = new ByteQueue(pool);
  }

  /** When the frame began that is not complete yet; undefined when there is none. */
  get partialSinceMs(): number | undefined {
    return this.#partial.length === 0 ? undefined : this.#partialSinceMs;
  }

  read(bytes: Uint8Array, start: number, length: number, nowMs: number): void {
    const end = start + length;
    let position = start;
    if (!this.#isGreeted) position = this.#readGreeting(bytes, position, end);
    if (this.#partial.length > 0) position = this.#readPartial(bytes, position, end);
    if (this.#isGreeted && this.#partial.length === 0) position = this.#readFrames(bytes, position, end);
    if (position < end && !this.#sink.isOver) {
      if (this.#partial.length === 0) this.#partialSinceMs = nowMs;
      this.#partial.append(bytes, position, end - position);
    }
  }

  /** Forgets what is kept. */
  close(): void {
    this.#partial.clear();
  }

  #readGreeting(bytes: Uint8Array, start: number, end: number): number {
    const partial = this.#partial;
    const known = partial.length;
    const length = Math.min(end - start, clientPreface.length - known);
    for (let i = 0; i < length; i++) {
      if (bytes[start + i] === clientPreface[known + i]) continue;
      partial.append(bytes, start, end - start);
      this.#sink.foreign(partial.bytes, partial.start, partial.length);
      return end;
    }
    if (known + length < clientPreface.length) return start;
    partial.clear();
    this.#isGreeted = true;
    this.#sink.greeted();
    return start + length;
  }

  /** Completes the frame that an earlier read began, as far as this one goes. */
  #readPartial(bytes: Uint8Array, start: number, end: number): number {
    if (!this.#isGreeted || this.#sink.isOver) return start;
    const partial = this.#partial;
    let position = this.#gather(frameHeaderBytes, bytes, start, end);
    if (partial.length < frameHeaderBytes) return position;
    const payloadLength = readUint24(partial.bytes, partial.start);
    if (payloadLength > defaultMaxFrameBytes) {
      this.#sink.tooLong(payloadLength);
      return end;
    }
    position = this.#gather(frameHeaderBytes + payloadLength, bytes, position, end);
    if (partial.length < frameHeaderBytes + payloadLength) return position;
    this.#handOn(partial.bytes, partial.start, payloadLength);
    partial.clear();
    return position;
  }

  #gather(length: number, bytes: Uint8Array, start: number, end: number): number {
    const taken = Math.min(Math.max(0, length - this.#partial.length), end - start);
    if (taken > 0) this.#partial.append(bytes, start, taken);
    return start + taken;
  }

  #readFrames(bytes: Uint8Array, start: number, end: number): number {
    let position = start;
    while (end - position >= frameHeaderBytes && !this.#sink.isOver) {
      const payloadLength = readUint24(bytes, position);
      if (payloadLength > defaultMaxFrameBytes) {
        this.#sink.tooLong(payloadLength);
        return end;
      }
      if (end - position < frameHeaderBytes + payloadLength) return position;
      this.#handOn(bytes, position, payloadLength);
      position += frameHeaderBytes + payloadLength;
    }
    return position;
  }

  #handOn(bytes: Uint8Array, position: number, payloadLength: number): void {
    const streamId = readUint31(bytes, position + 5);
    const payload = position + frameHeaderBytes;
    this.#sink.frame(bytes[position + 3]!, bytes[position + 4]!, streamId, bytes, payload, payloadLength);
  }
}
