/** Puts frames into the output of a connection: whole ones, in the order of the calls. */

import { copyRange } from "../base/bytes.ts";
import { writeUint32BigEndian } from "../base/integers.ts";
import type { ByteQueue } from "./byte-queue.ts";
import {
  defaultMaxFrameBytes,
  frameFlags,
  frameHeaderBytes,
  frameTypes,
  pingBytes,
  writeFrameHeader,
} from "./frames.ts";
import { emptyTableUpdate } from "./hpack/encoder.ts";
import type { SendQueue } from "./send-queue.ts";

const { END_STREAM, END_HEADERS, ACK } = frameFlags;

/** What the text of a GOAWAY frame is cut to. */
const maxDebugBytes = 200;

export class FrameWriter {
  readonly output: ByteQueue;
  /** The next header block must say that our side uses no dynamic table. */
  #owesTableUpdate = false;
  #hasShrunk = false;

  constructor(output: ByteQueue) {
    this.output = output;
  }

  /** The peer takes a smaller dynamic table than usual, and has to hear, once, that we use none (RFC 7541, 4.2). */
  tableShrunk(): void {
    this.#owesTableUpdate ||= !this.#hasShrunk;
    this.#hasShrunk = true;
  }

  /** A header block, over as many frames as it takes. */
  headers(streamId: number, block: Uint8Array, isEnd: boolean): void {
    const whole = this.#owesTableUpdate ? withTableUpdate(block) : block;
    this.#owesTableUpdate = false;
    const endStream = isEnd ? END_STREAM : 0;
    if (whole.length <= defaultMaxFrameBytes) {
      this.#frame(frameTypes.HEADERS, endStream | END_HEADERS, streamId, whole, 0, whole.length);
      return;
    }
    this.#frame(frameTypes.HEADERS, endStream, streamId, whole, 0, defaultMaxFrameBytes);
    for (let start = defaultMaxFrameBytes; start < whole.length; start += defaultMaxFrameBytes) {
      const length = Math.min(defaultMaxFrameBytes, whole.length - start);
      const flags = start + length === whole.length ? END_HEADERS : 0;
      this.#frame(frameTypes.CONTINUATION, flags, streamId, whole, start, length);
    }
  }

  /** One frame; the caller has looked at windows and sizes. */
  data(streamId: number, bytes: Uint8Array, start: number, length: number, isEnd: boolean): void {
    this.#frame(frameTypes.DATA, isEnd ? END_STREAM : 0, streamId, bytes, start, length);
  }

  /** One frame out of a queue. */
  queuedData(streamId: number, queue: SendQueue, length: number, isEnd: boolean): void {
    const position = this.#begin(frameTypes.DATA, isEnd ? END_STREAM : 0, streamId, length);
    queue.move(this.output.bytes, position, length);
  }

  resetStream(streamId: number, code: number): void {
    this.#frameOfUint32(frameTypes.RST_STREAM, streamId, code);
  }

  /** `streamId` 0 opens the window of the connection. */
  windowUpdate(streamId: number, byteCount: number): void {
    this.#frameOfUint32(frameTypes.WINDOW_UPDATE, streamId, byteCount);
  }

  settings(payload: Uint8Array): void {
    this.#frame(frameTypes.SETTINGS, 0, 0, payload, 0, payload.length);
  }

  settingsAck(): void {
    this.#begin(frameTypes.SETTINGS, ACK, 0, 0);
  }

  ping(bytes: Uint8Array, start: number, isAck: boolean): void {
    this.#frame(frameTypes.PING, isAck ? ACK : 0, 0, bytes, start, pingBytes);
  }

  goAway(lastStreamId: number, code: number, message: string): void {
    const text = Buffer.from(message.slice(0, maxDebugBytes), "latin1");
    const position = this.#begin(frameTypes.GOAWAY, 0, 0, 8 + text.length);
    writeUint32BigEndian(this.output.bytes, position, lastStreamId);
    writeUint32BigEndian(this.output.bytes, position + 4, code);
    this.output.bytes.set(text, position + 8);
  }

  #frameOfUint32(type: number, streamId: number, value: number): void {
    const position = this.#begin(type, 0, streamId, 4);
    writeUint32BigEndian(this.output.bytes, position, value);
  }

  #frame(
    type: number,
    flags: number,
    streamId: number,
    payload: Uint8Array,
    start: number,
    length: number,
  ): void {
    const position = this.#begin(type, flags, streamId, length);
    copyRange(payload, start, length, this.output.bytes, position);
  }

  /** Writes a frame's header and leaves room for its payload; returns where that begins. May move the output. */
  #begin(type: number, flags: number, streamId: number, payloadLength: number): number {
    const { output } = this;
    output.reserve(frameHeaderBytes + payloadLength);
    const position = output.end;
    writeFrameHeader(output.bytes, position, payloadLength, type, flags, streamId);
    output.end = position + frameHeaderBytes + payloadLength;
    return position + frameHeaderBytes;
  }
}

function withTableUpdate(block: Uint8Array): Uint8Array {
  const whole = new Uint8Array(block.length + 1);
  whole[0] = emptyTableUpdate;
  whole.set(block, 1);
  return whole;
}
