/**
 * Protobuf messages of calls, from the bytes of a request and to the bytes of an answer.
 *
 * The library walks descriptors, which takes as long as all the rest of a small call. So a method may bring a *shortcut*
 * for its usual messages, which does exactly what the library would; what it does not take goes to the library. And an
 * implementation may give an answer as bytes, which it wrote itself.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { copyRange, emptyBytes, Slice } from "../base/bytes.ts";
import { envelopePrefixBytes } from "./envelope.ts";
import { MessageArrays } from "./message-arrays.ts";

/** The bytes of a request's message. */
export class RequestMessage extends Slice {
  /** Whether nobody else uses the bytes, now or later: then what was decoded may point into them. */
  isOwn = false;
}

export interface CodecShortcut<I extends DescMessage, O extends DescMessage> {
  /** The message in these bytes; `undefined` where it is not a usual one. */
  decode(message: RequestMessage): MessageShape<I> | undefined;
  /** Writes the message and returns true, or false having written nothing. Absent where the answer comes as bytes. */
  encode?(answer: MessageInitShape<O>, target: EncodedMessage): boolean;
}

/** Messages up to this size are encoded in memory that is kept. */
const keptBytes = 64 * 1024;
const kept = new Uint8Array(envelopePrefixBytes + keptBytes);

/** For larger ones. */
export const messageArrays = new MessageArrays();

/**
 * An encoded message, with room for the prefix of its envelope right before it. One part of it may lie elsewhere: a large
 * value goes from where it is stored to where it is sent, without a stop.
 */
export class EncodedMessage {
  /** From `start`, the message without the part that is lent. */
  bytes: Uint8Array = kept;
  readonly start = envelopePrefixBytes;
  /** Of the whole message. */
  length = 0;
  /** Good within the turn; empty for most messages. */
  readonly lent = new Slice();
  /** The place in `bytes` where that belongs. */
  lentAt = envelopePrefixBytes;
  /** Of a stream that can be gone on with: where, after this message. */
  resumeToken: Uint8Array | undefined;

  /** Whether the bytes stay as they are; else they are those of the next message once this turn's caller returns. */
  get isOwn(): boolean {
    return this.bytes !== kept;
  }

  /** Makes room for a message of so many bytes, which is then written from `start`. */
  reserve(length: number): void {
    this.lent.set(emptyBytes, 0, 0);
    this.length = length;
    this.bytes = length <= keptBytes ? kept : messageArrays.take(this.start + length);
  }

  /** Adds a part that is not copied. */
  lend(part: Uint8Array, position: number): void {
    this.lent.set(part, 0, part.length);
    this.lentAt = position;
    this.length += part.length;
  }

  /** The message is sent or copied: its memory serves others. */
  release(): void {
    if (this.isOwn) messageArrays.giveBack(this.bytes);
    this.bytes = kept;
    this.lent.set(emptyBytes, 0, 0);
  }

  /** The message alone, its receiver's own. */
  take(): Uint8Array<ArrayBuffer> {
    const { bytes, start, length, lent, lentAt } = this;
    const end = start + length;
    if (lent.length > 0) {
      const whole = new Uint8Array(length);
      copyRange(bytes, start, lentAt - start, whole, 0);
      copyRange(lent.bytes, lent.start, lent.length, whole, lentAt - start);
      copyRange(bytes, lentAt, end - lent.length - lentAt, whole, lentAt - start + lent.length);
      return whole;
    }
    return (this.isOwn ? bytes.subarray(start, end) : bytes.slice(start, end)) as Uint8Array<ArrayBuffer>;
  }
}

/** Throws what the library throws where the bytes are no such message. */
export function decodeMessage<I extends DescMessage>(
  schema: I,
  message: RequestMessage,
  shortcut: CodecShortcut<I, DescMessage> | undefined,
): MessageShape<I> {
  const decoded = shortcut?.decode(message);
  if (decoded !== undefined) return decoded;
  const { bytes, start, length, isOwn } = message;
  return fromBinary(schema, isOwn ? bytes.subarray(start, start + length) : message.copy());
}

/** The answer's bytes: its own, or in `target`. */
export function encodeAnswer<O extends DescMessage>(
  schema: O,
  answer: MessageInitShape<O> | EncodedMessage,
  target: EncodedMessage,
  shortcut?: CodecShortcut<DescMessage, O>,
): EncodedMessage {
  if (answer instanceof EncodedMessage) return answer;
  if (shortcut?.encode?.(answer, target) === true) return target;
  const bytes = toBinary(schema, create(schema, answer));
  target.reserve(bytes.length);
  target.bytes.set(bytes, target.start);
  return target;
}

/** The answer's fields; where it came as bytes, of a copy, since those may be another message's soon. */
export function answerFields<O extends DescMessage>(
  schema: O,
  answer: MessageInitShape<O> | EncodedMessage,
): MessageInitShape<O> {
  if (!(answer instanceof EncodedMessage)) return answer;
  return fromBinary(schema, answer.take().slice()) as MessageInitShape<O>;
}
