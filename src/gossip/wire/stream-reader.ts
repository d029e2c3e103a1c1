/**
 * Reads the one message that a side of a TCP conversation sends, from chunks as they come.
 *
 *   [f4, length u8, label]       from the side that dialled, where a label is set
 *   [0a, length u32, sealed block]      where keys are set
 *   [09, map with LZW]
 *   message
 *
 * Invariants: as those of `envelope.ts`; and never more than `maxStreamBytes` are kept.
 */
import { GrowableBytes } from "../../base/growable-bytes.ts";
import { readUint32BigEndian } from "../../base/integers.ts";
import { decompressMessage, type Envelope, type Refusal } from "./envelope.ts";
import { sealOverheadBytes } from "./keyring.ts";
import { MessagePackReader } from "./message-pack-reader.ts";
import { MessagePackWriter } from "./message-pack-writer.ts";
import { compressed, messageTypes } from "./messages.ts";
import { type StreamLimits, type StreamMessage, StreamMessageParser } from "./stream-messages.ts";

/** Of a sealed block in a stream: the type, and the length of the block. */
const sealHeaderBytes = 5;

const firstRoomBytes = 4096;

export class StreamReader {
  readonly #envelope: Envelope;
  readonly #limits: StreamLimits;
  readonly #received = new GrowableBytes(firstRoomBytes);
  readonly #parser: StreamMessageParser;
  #expectedLabel: Uint8Array;

  /** `fromDialler`: reads what the side that dialled sends, which begins with the label. */
  constructor(envelope: Envelope, limits: StreamLimits, fromDialler: boolean) {
    this.#envelope = envelope;
    this.#limits = limits;
    this.#parser = new StreamMessageParser(limits);
    this.#expectedLabel = fromDialler ? envelope.labelHeader() : new Uint8Array(0);
  }

  /** `undefined` until the message is whole; what follows it is not looked at. Nothing is added after an answer. */
  push(chunk: Uint8Array): StreamMessage | Refusal | undefined {
    if (this.#received.length + chunk.length > this.#limits.maxStreamBytes) return "too_large";
    this.#received.appendRange(chunk, 0, chunk.length);
    const start = this.#expectedLabel.length;
    if (!this.#beginsWithLabel()) return "label";
    if (this.#received.length <= start) return undefined;
    const content = this.#received.bytes.subarray(start, this.#received.length);
    if (content[0] === messageTypes.label) return "label";
    if (content[0] === messageTypes.encrypt) return this.#readSealed(content);
    return this.#envelope.keyring === undefined ? this.#readContent(content, false) : "key";
  }

  #beginsWithLabel(): boolean {
    const compared = Math.min(this.#expectedLabel.length, this.#received.length);
    const { bytes } = this.#received;
    return Buffer.compare(bytes.subarray(0, compared), this.#expectedLabel.subarray(0, compared)) === 0;
  }

  #readSealed(content: Uint8Array): StreamMessage | Refusal | undefined {
    if (this.#envelope.keyring === undefined) return "key";
    if (content.length < sealHeaderBytes) return undefined;
    const header = content.subarray(0, sealHeaderBytes);
    const length = readUint32BigEndian(header, 1);
    if (length < sealOverheadBytes) return "malformed";
    if (length > this.#limits.maxStreamBytes) return "too_large";
    if (content.length < sealHeaderBytes + length) return undefined;
    const sealed = content.subarray(sealHeaderBytes, sealHeaderBytes + length);
    const additionalData = Buffer.concat([header, this.#envelope.label]);
    const opened = this.#envelope.keyring.open(sealed, additionalData);
    return opened === undefined ? "key" : this.#readContent(opened, true);
  }

  /** `isWhole`: no more will come, so what is too short is broken. */
  #readContent(content: Uint8Array, isWhole: boolean): StreamMessage | Refusal | undefined {
    if (content[0] === messageTypes.compress) return this.#readCompressed(content, isWhole);
    const message = this.#parser.parse(content, content.length);
    if (message === "short") return isWhole ? "malformed" : undefined;
    return message;
  }

  #readCompressed(content: Uint8Array, isWhole: boolean): StreamMessage | Refusal | undefined {
    const reader = new MessagePackReader(content, 1);
    compressed.read(reader);
    if (reader.failure === "short" && !isWhole) return undefined;
    const message = decompressMessage(content, this.#limits.maxStreamBytes);
    if (typeof message === "string") return message;
    const parsed = this.#parser.parse(message, message.length);
    return parsed === "short" ? "malformed" : parsed;
  }
}

/** What one side of a conversation sends: `message` compressed, sealed, and after the label where that side dialled. */
export function wrapStream(envelope: Envelope, message: Uint8Array, fromDialler: boolean): Uint8Array {
  const content = envelope.squeeze(message);
  const writer = new MessagePackWriter();
  if (fromDialler) writer.writeVerbatim(envelope.labelHeader());
  if (envelope.keyring === undefined) {
    writer.writeVerbatim(content);
    return writer.finish();
  }
  const header = new MessagePackWriter();
  header.writeByte(messageTypes.encrypt);
  header.writeBigEndian(content.length + sealOverheadBytes, 4);
  const headerBytes = header.finish();
  writer.writeVerbatim(headerBytes);
  writer.writeVerbatim(envelope.keyring.seal(content, Buffer.concat([headerBytes, envelope.label])));
  return writer.finish();
}
