/** A connection of the HTTP/2 server without a socket: frames go in, frames come out, time stands until it is moved. */
import { readUint32BigEndian } from "../../src/base/integers.ts";
import type { RequestHandler } from "../../src/http2/api.ts";
import { ByteBudget } from "../../src/http2/byte-budget.ts";
import { ArrayPool } from "../../src/http2/byte-queue.ts";
import { Connection } from "../../src/http2/connection.ts";
import { errorName } from "../../src/http2/error-codes.ts";
import { FieldList } from "../../src/http2/field-list.ts";
import {
  clientPreface,
  frameFlags,
  frameHeaderBytes,
  frameTypes,
  readUint24,
  readUint31,
} from "../../src/http2/frames.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { encodeFields, type Field } from "../../src/http2/hpack/encoder.ts";
import { defaultLimits, type Http2Limits, type LimitName } from "../../src/http2/limits.ts";
import { silentHttp2Observer } from "../../src/http2/observer.ts";
import { StreamPool } from "../../src/http2/stream-pool.ts";

export type FrameType = keyof typeof frameTypes;

export interface Frame {
  readonly type: FrameType;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

export const { END_STREAM, END_HEADERS, ACK, PADDED, PRIORITY } = frameFlags;

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: ArrayLike<number> = [],
): Uint8Array {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

export function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export const preface = clientPreface;

export const requestFields: readonly Field[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/test.Service/Method"],
  [":authority", "localhost"],
];

export function settings(...pairs: [identifier: number, value: number][]): Uint8Array {
  const payload = pairs.flatMap(([identifier, value]) => [
    identifier >> 8,
    identifier & 0xff,
    ...uint32(value),
  ]);
  return frame(frameTypes.SETTINGS, 0, 0, payload);
}

/** A block of any fields, also of those that a response must not have: literals, not indexed. */
export function encodeAny(fields: readonly Field[]): Uint8Array {
  const string = (text: string) => {
    if (text.length < 127) return [text.length, ...Buffer.from(text, "latin1")];
    const rest = text.length - 127;
    return [127, (rest & 127) | 128, rest >> 7, ...Buffer.from(text, "latin1")];
  };
  return Uint8Array.from(fields.flatMap(([name, value]) => [0, ...string(name), ...string(value)]));
}

/** HEADERS of a whole block. */
export function headers(
  id: number,
  fields: readonly Field[] = requestFields,
  flags: number = END_STREAM,
): Uint8Array {
  return frame(frameTypes.HEADERS, flags | END_HEADERS, id, encodeAny(fields));
}

export function data(id: number, payload: ArrayLike<number>, flags = 0): Uint8Array {
  return frame(frameTypes.DATA, flags, id, payload);
}

export function windowUpdate(id: number, byteCount: number): Uint8Array {
  return frame(frameTypes.WINDOW_UPDATE, 0, id, uint32(byteCount));
}

export function resetStream(id: number, code = 8): Uint8Array {
  return frame(frameTypes.RST_STREAM, 0, id, uint32(code));
}

export function ping(): Uint8Array {
  return frame(frameTypes.PING, 0, 0, new Uint8Array(8));
}

const typeNames = Object.fromEntries(
  Object.entries(frameTypes).map(([name, type]) => [type, name as FrameType]),
);

/** All frames of `bytes`, which are whole. */
export function parseFrames(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  for (let position = 0; position < bytes.length; ) {
    const end = position + frameHeaderBytes + readUint24(bytes, position);
    if (end > bytes.length) throw new Error(`a frame is cut at byte ${position} of ${bytes.length}`);
    frames.push({
      type: typeNames[bytes[position + 3]!]!,
      flags: bytes[position + 4]!,
      streamId: readUint31(bytes, position + 5),
      payload: bytes.slice(position + frameHeaderBytes, end),
    });
    position = end;
  }
  return frames;
}

/** A frame as a line: "RST_STREAM 1 CANCEL", "DATA 1 5 END_STREAM", "HEADERS 1 :status=200 END_STREAM", … */
export function describeFrame({ type, flags, streamId, payload }: Frame): string {
  const end = flags & END_STREAM ? " END_STREAM" : "";
  switch (type) {
    case "DATA":
      return `DATA ${streamId} ${payload.length}${end}`;
    case "HEADERS":
      return `HEADERS ${streamId} ${describeBlock(payload)}${end}`;
    case "RST_STREAM":
      return `RST_STREAM ${streamId} ${errorName(readUint32BigEndian(payload, 0))}`;
    case "GOAWAY":
      return `GOAWAY ${readUint31(payload, 0)} ${errorName(readUint32BigEndian(payload, 4))}`;
    case "WINDOW_UPDATE":
      return `WINDOW_UPDATE ${streamId} ${readUint31(payload, 0)}`;
    case "SETTINGS":
    case "PING":
      return flags & ACK ? `${type} ACK` : type;
    default:
      return `${type} ${streamId}`;
  }
}

function describeBlock(block: Uint8Array): string {
  const fields = new FieldList();
  if (!new HpackDecoder(4096, 1 << 20).decode(block, 0, block.length, fields)) return "invalid";
  return Array.from({ length: fields.count }, (_, i) => `${fields.name(i)}=${fields.value(i)}`).join(" ");
}

export const okBlock = encodeFields([[":status", "200"]]);

/** Answers every whole request with 200 and nothing else. */
export const answerOk: RequestHandler = (_, response) => response.sendHeaders(okBlock, true);

export interface HarnessOptions {
  readonly handle?: RequestHandler;
  readonly limits?: Partial<Http2Limits>;
  /** Leaves out the preface and the exchange of settings. */
  readonly isSilent?: boolean;
  readonly budget?: ByteBudget;
}

export class Http2Harness {
  readonly connection: Connection;
  readonly limitsReached: LimitName[] = [];
  readonly failures: unknown[] = [];
  readonly budget: ByteBudget;
  nowMs = 1_000_000;

  constructor(options: HarnessOptions = {}) {
    const limits = { ...defaultLimits, ...options.limits };
    this.budget = options.budget ?? new ByteBudget(limits.maxQueuedBytes);
    const environment = {
      limits,
      handle: options.handle ?? answerOk,
      observer: {
        ...silentHttp2Observer,
        limitReached: (limit: LimitName) => this.limitsReached.push(limit),
        handlerFailed: (error: unknown) => this.failures.push(error),
      },
      budget: this.budget,
      arrays: new ArrayPool(),
      streams: new StreamPool(),
      http1Explanation: "gRPC only",
    };
    const peer = { address: "127.0.0.1", port: 1, isSecure: false, certificate: undefined };
    this.connection = new Connection(environment, peer, this.nowMs, {
      wantsToWrite: () => undefined,
      writeFull: () => undefined,
    });
    if (!options.isSilent) this.send(preface, settings(), frame(frameTypes.SETTINGS, ACK, 0));
  }

  /** Feeds these bytes in one read and returns what came back. */
  send(...parts: Uint8Array[]): string[] {
    this.feed(Buffer.concat(parts));
    return this.take();
  }

  feed(bytes: Uint8Array): void {
    this.connection.receive(bytes, 0, bytes.length, this.nowMs);
  }

  /** What is to be written, as lines. */
  take(): string[] {
    return this.takeFrames().map(describeFrame);
  }

  takeFrames(): Frame[] {
    return parseFrames(this.takeBytes());
  }

  takeBytes(): Uint8Array {
    const { connection } = this;
    const pieces: Uint8Array[] = [];
    connection.pump();
    while (connection.output.length > 0) {
      const { bytes, start, end } = connection.output;
      pieces.push(bytes.slice(start, end));
      connection.wrote(end - start, this.nowMs);
      connection.pump();
    }
    return Buffer.concat(pieces);
  }

  /** Moves the time and looks at what is due. */
  tick(byMs: number): string[] {
    this.nowMs += byMs;
    this.connection.tick(this.nowMs);
    return this.take();
  }
}
