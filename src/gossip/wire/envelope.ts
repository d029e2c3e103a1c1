/**
 * What is around messages in a packet, outermost first:
 *
 *   [f4, length u8, label]                 where a label is set
 *   [sealed block]                         where keys are set; everything below is sealed
 *   [0c, crc32 u32]                        of everything below
 *   [09, map with LZW]                     where that is shorter
 *   07, count u8, count × length u16, messages      or one message
 *
 * Invariants:
 * 1. Unwrapping never throws, and its work is bounded: by depth, by the number of messages, and by the bytes that
 *    compressed parts may have altogether.
 * 2. No message that is handed out is empty.
 * 3. With keys, nothing is read that is not sealed with one of them.
 */
import { emptyBytes } from "../../base/bytes.ts";
import { StorageError } from "../../base/errors.ts";
import { readUint32BigEndian } from "../../base/integers.ts";
import { type Keyring, sealOverheadBytes } from "./keyring.ts";
import { compress, decompress } from "./lzw.ts";
import { MessagePackReader } from "./message-pack-reader.ts";
import { MessagePackWriter } from "./message-pack-writer.ts";
import { compressed, messageTypes } from "./messages.ts";

/** Why bytes of a peer were dropped: a label of metrics and logs. */
export type Refusal = "label" | "key" | "checksum" | "malformed" | "too_large" | "unsupported";

export interface EnvelopeSettings {
  /** Keeps rings apart that share a network; empty for none. */
  readonly label: string;
  readonly keyring: Keyring | undefined;
  /** Compresses what becomes shorter by it. */
  readonly compresses: boolean;
}

export const maxLabelBytes = 255;

/** Real peers up to memberlist 0.2.3 count parts in a signed byte. */
export const maxParts = 127;

/** Of one packet, however it is nested. */
const maxDepth = 4;
const maxMessages = 1024;
const maxDecompressedBytes = 256 * 1024;

export const checksumHeaderBytes = 5;
export const compoundHeaderBytes = 2;
export const partHeaderBytes = 2;

export class Envelope {
  readonly #label: Uint8Array;
  readonly #keyring: Keyring | undefined;
  readonly #compresses: boolean;

  constructor(settings: EnvelopeSettings) {
    this.#label = new TextEncoder().encode(settings.label);
    if (this.#label.length > maxLabelBytes) {
      const message = `the gossip label has ${this.#label.length} bytes; at most ${maxLabelBytes} are allowed`;
      throw new StorageError("INVALID_ARGUMENT", message);
    }
    this.#keyring = settings.keyring;
    this.#compresses = settings.compresses;
  }

  get label(): Uint8Array {
    return this.#label;
  }

  get keyring(): Keyring | undefined {
    return this.#keyring;
  }

  /** By how much a packet is longer than what is wrapped in it. */
  get overheadBytes(): number {
    return this.labelHeader().length + (this.#keyring === undefined ? 0 : sealOverheadBytes);
  }

  labelHeader(): Uint8Array {
    return this.#label.length === 0
      ? emptyBytes
      : Buffer.concat([Uint8Array.of(messageTypes.label, this.#label.length), this.#label]);
  }

  /** A packet of these messages, at most `maxParts`. */
  wrapPacket(messages: readonly Uint8Array[], hasChecksum: boolean): Uint8Array {
    const content = this.squeeze(messages.length === 1 ? messages[0]! : compound(messages));
    const checked = hasChecksum ? withChecksum(content) : content;
    const sealed = this.#keyring?.seal(checked, this.#label) ?? checked;
    return this.#label.length === 0 ? sealed : Buffer.concat([this.labelHeader(), sealed]);
  }

  /** The messages of a packet, or why it is dropped; a message that is broken in itself is still among them. */
  unwrapPacket(packet: Uint8Array): Uint8Array[] | Refusal {
    const sealed = this.#withoutLabel(packet);
    if (sealed === undefined) return "label";
    const content = this.#keyring === undefined ? sealed : this.#keyring.open(sealed, this.#label);
    if (content === undefined) return "key";
    const checked = content[0] === messageTypes.checksum ? withoutChecksum(content) : content;
    return checked === undefined ? "checksum" : unpack(checked);
  }

  /** Compressed where that is wanted and shorter. */
  squeeze(message: Uint8Array): Uint8Array {
    if (!this.#compresses) return message;
    const writer = new MessagePackWriter();
    writer.writeByte(messageTypes.compress);
    compressed.write(writer, { algorithm: 0, content: compress(message) });
    const squeezed = writer.finish();
    return squeezed.length < message.length ? squeezed : message;
  }

  #withoutLabel(packet: Uint8Array): Uint8Array | undefined {
    const header = this.labelHeader();
    if (header.length === 0) return packet[0] === messageTypes.label ? undefined : packet;
    if (Buffer.compare(packet.subarray(0, header.length), header) !== 0) return undefined;
    return packet.subarray(header.length);
  }
}

/** What a compressed message holds, or why it is dropped; `maxBytes` bounds it. */
export function decompressMessage(message: Uint8Array, maxBytes: number): Uint8Array | Refusal {
  const reader = new MessagePackReader(message, 1);
  const { algorithm, content } = compressed.read(reader);
  if (reader.failure !== undefined) return "malformed";
  if (algorithm !== 0) return "unsupported";
  return decompress(content, maxBytes) ?? "malformed";
}

/** Takes compound and compressed parts apart until only messages are left. */
function unpack(content: Uint8Array): Uint8Array[] | Refusal {
  const messages: Uint8Array[] = [];
  let remainingBytes = maxDecompressedBytes;

  function visit(part: Uint8Array, depth: number): Refusal | undefined {
    if (depth > maxDepth || messages.length === maxMessages) return "too_large";
    if (part.length === 0) return "malformed";
    if (part[0] === messageTypes.compound) return visitParts(part, depth);
    if (part[0] !== messageTypes.compress) {
      messages.push(part);
      return undefined;
    }
    const inner = decompressMessage(part, remainingBytes);
    if (typeof inner === "string") return inner;
    remainingBytes -= inner.length;
    return visit(inner, depth + 1);
  }

  /** Parts that are there whole count, even where the last ones are cut off. */
  function visitParts(part: Uint8Array, depth: number): Refusal | undefined {
    const count = part[1] ?? 0;
    let position = compoundHeaderBytes + partHeaderBytes * count;
    if (part.length < position) return "malformed";
    let refusal: Refusal | undefined;
    for (let i = 0; i < count; i++) {
      const header = compoundHeaderBytes + partHeaderBytes * i;
      const end = position + ((part[header]! << 8) | part[header + 1]!);
      if (end > part.length) return "malformed";
      refusal = visit(part.subarray(position, end), depth + 1) ?? refusal;
      if (refusal === "too_large") return refusal;
      position = end;
    }
    return refusal;
  }

  const refusal = visit(content, 0);
  return messages.length === 0 && refusal !== undefined ? refusal : messages;
}

function compound(messages: readonly Uint8Array[]): Uint8Array {
  const writer = new MessagePackWriter();
  writer.writeByte(messageTypes.compound);
  writer.writeByte(messages.length);
  for (const message of messages) writer.writeBigEndian(message.length, partHeaderBytes);
  for (const message of messages) writer.writeVerbatim(message);
  return writer.finish();
}

function withChecksum(content: Uint8Array): Uint8Array {
  const writer = new MessagePackWriter();
  writer.writeByte(messageTypes.checksum);
  writer.writeBigEndian(Bun.hash.crc32(content), 4);
  writer.writeVerbatim(content);
  return writer.finish();
}

function withoutChecksum(packet: Uint8Array): Uint8Array | undefined {
  if (packet.length < checksumHeaderBytes) return undefined;
  const expected = readUint32BigEndian(packet, 1);
  const content = packet.subarray(checksumHeaderBytes);
  return Bun.hash.crc32(content) === expected ? content : undefined;
}
