/**
 * A protobuf message that is written field by field, from the bytes that a store lends straight to those that are sent.
 * Fields are written in the order of their numbers, and empty ones not at all, as the library writes them.
 */
import { copyRange, emptyBytes, type Slice } from "../base/bytes.ts";
import { utf8Length, writeUtf8 } from "../base/utf8.ts";
import { maxVarintBytes, varintLength, writeVarint } from "../base/varint.ts";
import { encodeClock } from "../versions/clock-encoding.ts";
import type { VectorClock } from "../versions/vector-clock.ts";
import { envelopePrefixBytes } from "./envelope.ts";
import { EncodedMessage, messageArrays } from "./message-codec.ts";

/** Tags of field numbers from 16 up take two bytes. */
const maxHeadBytes = 2 + maxVarintBytes;

export class MessageWriter extends EncodedMessage {
  readonly #roomBytes: number;

  /** Its memory is one of the arrays of large messages: whoever is done with the message releases it. */
  constructor(roomBytes: number) {
    super();
    this.#roomBytes = roomBytes;
    this.bytes = emptyBytes;
    this.clear();
  }

  /** Begins another message, in the same memory if it was not released. */
  clear(): void {
    this.length = 0;
    this.resumeToken = undefined;
    if (this.bytes === emptyBytes) this.bytes = messageArrays.take(envelopePrefixBytes + this.#roomBytes);
  }

  override release(): void {
    if (this.bytes === emptyBytes) return;
    messageArrays.giveBack(this.bytes);
    this.bytes = emptyBytes;
    this.length = 0;
  }

  /** The head of a nested message, whose fields follow; its content has so many bytes. */
  nested(tag: number, contentBytes: number): void {
    this.#reserve(maxHeadBytes);
    this.#position = writeVarint(this.bytes, this.#position, tag);
    this.#position = writeVarint(this.bytes, this.#position, contentBytes);
  }

  number(tag: number, value: number): void {
    if (value === 0) return;
    this.nested(tag, value);
  }

  slice(tag: number, { bytes, start, length }: Slice): void {
    if (length > 0) this.range(tag, bytes, start, length);
  }

  /** A field that is written also where it is empty. */
  range(tag: number, bytes: Uint8Array, start: number, length: number): void {
    this.#reserve(maxHeadBytes + length);
    this.nested(tag, length);
    copyRange(bytes, start, length, this.bytes, this.#position);
    this.#position += length;
  }

  text(tag: number, text: string): void {
    if (text === "") return;
    const length = utf8Length(text);
    this.#reserve(maxHeadBytes + length);
    this.nested(tag, length);
    this.#position = writeUtf8(this.bytes, this.#position, text);
  }

  /** Of a clock whose encoded length is known. */
  clock(tag: number, clock: VectorClock, length: number): void {
    if (length === 0) return;
    this.#reserve(maxHeadBytes + length);
    this.nested(tag, length);
    this.#position = encodeClock(clock, this.bytes, this.#position);
  }

  /** Writes once more what was written from `start` on, counted from the message's first byte. */
  repeat(start: number, length: number): void {
    this.#reserve(length);
    copyRange(this.bytes, this.start + start, length, this.bytes, this.#position);
    this.#position += length;
  }

  get #position(): number {
    return this.start + this.length;
  }

  set #position(position: number) {
    this.length = position - this.start;
  }

  /** Makes room for so many more bytes. */
  #reserve(extraBytes: number): void {
    const neededBytes = this.#position + extraBytes;
    if (neededBytes <= this.bytes.length) return;
    const grown = messageArrays.take(Math.max(neededBytes, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.#position));
    messageArrays.giveBack(this.bytes);
    this.bytes = grown;
  }
}

/** What a field takes, where it is not empty. */
export function numberFieldBytes(tag: number, value: number): number {
  return value === 0 ? 0 : varintLength(tag) + varintLength(value);
}

export function lengthFieldBytes(tag: number, contentBytes: number): number {
  return contentBytes === 0 ? 0 : varintLength(tag) + varintLength(contentBytes) + contentBytes;
}
