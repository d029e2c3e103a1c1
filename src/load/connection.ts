/**
 * One HTTP/2 connection that puts load on a server: sends gRPC calls as whole frames, and takes answers apart as far as
 * needed to know how each ended. It is no client for a stranger's server: padding, CONTINUATION and pushed streams are
 * not expected. Windows are kept both ways; those for answers are as large as can be.
 *
 * Calls are collected by `send` and leave by `flush`.
 */
import type { Socket } from "bun";
import { StorageError } from "../base/errors.ts";
import { FieldList } from "../http2/field-list.ts";
import { clientPreface, frameFlags, frameHeaderBytes, frameTypes, maxUint31 } from "../http2/frames.ts";
import { HpackDecoder } from "../http2/hpack/decoder.ts";
import { defaultWindowBytes, encodeSettings, settingBytes, settingIdentifiers } from "../http2/settings.ts";
import { onlyHttp2 } from "../http2/tls.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { Uploads } from "./uploads.ts";

const { END_STREAM, END_HEADERS, ACK } = frameFlags;
/** No dynamic table for the server, so that equal answers have equal bytes; all the stream window there is. */
const ownSettings = encodeSettings([
  [settingIdentifiers.HEADER_TABLE_SIZE, 0],
  [settingIdentifiers.INITIAL_WINDOW_SIZE, maxUint31],
]);
/** Answers of a connection that are acknowledged together. */
const windowUpdateBytes = 1 << 30;
const maxListBytes = 65_536;
const maxFieldBytes = 16_384;

/** PEM; what is left out is the system's. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** How a call ended. */
export interface Answer {
  /** Of `grpc-status`; "reset" where the server reset the stream, `missingStatus` where it told none. */
  readonly status: string;
  readonly message: string;
  readonly bodyBytes: number;
  /** The framed messages, where `send` was told to keep them. */
  readonly body: Buffer | undefined;
}

export interface ConnectionEvents {
  answered(streamId: number, answer: Answer): void;
  /** The connection is over, and all calls under way with it. */
  failed(error: Error): void;
}

const noMessage = "";
const good = "0";
/** Of an answer that ended without trailers, or with trailers that tell no status. */
export const missingStatus = "missing";

export class Connection {
  readonly #events: ConnectionEvents;
  readonly #hpack = new HpackEncoder();
  readonly #uploads = new Uploads((streamId, body, start, end, isLast) =>
    this.#frame(frameTypes.DATA, isLast ? END_STREAM : 0, streamId, body, start, end),
  );
  readonly #bodyBytes = new Map<number, number>();
  /** Of streams whose answers are kept. */
  readonly #bodies = new Map<number, Buffer[]>();
  #isClosed = false;
  #socket: Socket | undefined;
  #output = Buffer.alloc(1 << 20);
  #outputStart = 0;
  #outputEnd = 0;
  #rest = Buffer.alloc(0);
  #nextStreamId = 1;
  /** Of the connection's window for answers. */
  #unacknowledgedBytes = 0;
  /** A block of trailers that was found to say that all is well. */
  #goodTrailers = Buffer.alloc(0);

  constructor(events: ConnectionEvents) {
    this.#events = events;
  }

  /** Rejects where nobody listens, and where the server's certificate is not to be trusted. */
  async open(hostname: string, port: number, tls?: ClientTls): Promise<void> {
    const verified = Promise.withResolvers<void>();
    verified.promise.catch(() => undefined);
    this.#socket = await Bun.connect({
      hostname,
      port,
      ...(tls === undefined ? {} : { tls: { ...tls, serverName: hostname, ALPNProtocols: onlyHttp2 } }),
      socket: {
        data: (_, bytes) => this.#receive(bytes),
        drain: () => this.flush(),
        handshake: (_, isTrusted, error) => {
          if (isTrusted) verified.resolve();
          else
            verified.reject(new StorageError("UNAVAILABLE", `the TLS handshake failed: ${error?.message}`));
        },
        close: () => {
          const error = new StorageError("UNAVAILABLE", "the server closed a connection");
          verified.reject(error);
          this.#fail(error);
        },
        error: (_, error) => this.#fail(error),
      },
    });
    if (tls !== undefined) await verified.promise;
    this.#socket.setNoDelay(true);
    this.#append(clientPreface);
    this.#frame(frameTypes.SETTINGS, 0, 0, ownSettings);
    this.#growWindow(maxUint31 - defaultWindowBytes);
    this.flush();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.end();
  }

  /** Adds a call to what `flush` sends, and returns its stream's id. The body is copied. */
  send(fields: readonly (readonly [string, string])[], body: Uint8Array, keepsBody = false): number {
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    this.#makeRoom(frameHeaderBytes + maxFieldBytes);
    const head = this.#outputEnd;
    let position = head + frameHeaderBytes;
    for (const [name, value] of fields) position = this.#hpack.write(this.#output, position, name, value);
    this.#writeHead(head, position - head - frameHeaderBytes, frameTypes.HEADERS, END_HEADERS, streamId);
    this.#outputEnd = position;
    if (keepsBody) this.#bodies.set(streamId, []);
    this.#uploads.begin(streamId, body);
    return streamId;
  }

  flush(): void {
    if (this.#outputStart === this.#outputEnd) return;
    const sent = this.#socket!.write(this.#output, this.#outputStart, this.#outputEnd - this.#outputStart);
    this.#outputStart += Math.max(0, sent);
    if (this.#outputStart === this.#outputEnd) this.#outputStart = this.#outputEnd = 0;
  }

  #fail(error: Error): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.failed(error);
  }

  #frame(
    type: number,
    flags: number,
    streamId: number,
    content: Uint8Array,
    start = 0,
    end = content.length,
  ): void {
    this.#makeRoom(frameHeaderBytes + end - start);
    this.#writeHead(this.#outputEnd, end - start, type, flags, streamId);
    this.#outputEnd += frameHeaderBytes;
    this.#append(content, start, end);
  }

  #append(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#makeRoom(end - start);
    if (start === 0 && end === bytes.length) this.#output.set(bytes, this.#outputEnd);
    else this.#output.set(bytes.subarray(start, end), this.#outputEnd);
    this.#outputEnd += end - start;
  }

  #writeHead(position: number, length: number, type: number, flags: number, streamId: number): void {
    this.#output.writeUIntBE(length, position, 3);
    this.#output[position + 3] = type;
    this.#output[position + 4] = flags;
    this.#output.writeUInt32BE(streamId, position + 5);
  }

  #makeRoom(bytes: number): void {
    if (this.#outputEnd + bytes <= this.#output.length) return;
    const waiting = this.#output.subarray(this.#outputStart, this.#outputEnd);
    const target = Buffer.alloc(Math.max(this.#output.length, 2 * (waiting.length + bytes)));
    waiting.copy(target);
    this.#output = target;
    this.#outputEnd = waiting.length;
    this.#outputStart = 0;
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let position = 0;
    while (bytes.length - position >= frameHeaderBytes) {
      const length = bytes.readUIntBE(position, 3);
      const end = position + frameHeaderBytes + length;
      if (end > bytes.length) break;
      this.#frameArrived(bytes, position, position + frameHeaderBytes, end);
      position = end;
    }
    this.#rest = Buffer.from(bytes.subarray(position));
  }

  #frameArrived(bytes: Buffer, head: number, start: number, end: number): void {
    const type = bytes[head + 3]!;
    const flags = bytes[head + 4]!;
    const streamId = bytes.readUInt32BE(head + 5);
    if (type === frameTypes.DATA) {
      this.#dataArrived(streamId, bytes, start, end);
      if ((flags & END_STREAM) !== 0)
        this.#answered(streamId, missingStatus, "the answer ended without trailers");
    } else if (type === frameTypes.HEADERS) {
      if ((flags & END_STREAM) !== 0) this.#trailersArrived(streamId, bytes, start, end);
    } else this.#controlArrived(type, flags, streamId, bytes, start, end);
  }

  #controlArrived(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (type === frameTypes.WINDOW_UPDATE) {
      this.#uploads.grow(streamId, bytes.readUInt32BE(start) & maxUint31);
      this.flush();
    } else if (type === frameTypes.SETTINGS && (flags & ACK) === 0) {
      this.#frame(frameTypes.SETTINGS, ACK, 0, Buffer.alloc(0));
      this.#settingsArrived(bytes, start, end);
      this.flush();
    } else if (type === frameTypes.PING && (flags & ACK) === 0) {
      this.#frame(frameTypes.PING, ACK, 0, bytes, start, end);
      this.flush();
    } else if (type === frameTypes.RST_STREAM) {
      this.#answered(streamId, "reset", `RST_STREAM with code ${bytes.readUInt32BE(start)}`);
    } else if (type === frameTypes.GOAWAY) {
      this.#fail(new StorageError("UNAVAILABLE", "the server sent GOAWAY"));
    }
  }

  #dataArrived(streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#bodyBytes.set(streamId, (this.#bodyBytes.get(streamId) ?? 0) + end - start);
    this.#bodies.get(streamId)?.push(Buffer.from(bytes.subarray(start, end)));
    this.#unacknowledgedBytes += end - start;
    if (this.#unacknowledgedBytes < windowUpdateBytes) return;
    this.#growWindow(this.#unacknowledgedBytes);
    this.#unacknowledgedBytes = 0;
    this.flush();
  }

  #growWindow(bytes: number): void {
    const content = Buffer.alloc(4);
    content.writeUInt32BE(bytes);
    this.#frame(frameTypes.WINDOW_UPDATE, 0, 0, content);
  }

  #settingsArrived(bytes: Buffer, start: number, end: number): void {
    for (let position = start; position < end; position += settingBytes) {
      const value = bytes.readUInt32BE(position + 2);
      const id = bytes.readUInt16BE(position);
      if (id === settingIdentifiers.MAX_FRAME_SIZE) this.#uploads.setMaxFrame(value);
      else if (id === settingIdentifiers.INITIAL_WINDOW_SIZE) this.#uploads.setStreamWindow(value);
    }
  }

  #trailersArrived(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.#goodTrailers.length > 0 && this.#goodTrailers.compare(bytes, start, end) === 0) {
      this.#answered(streamId, good, noMessage);
      return;
    }
    const fields = new FieldList();
    const isValid = new HpackDecoder(0, maxListBytes).decode(bytes, start, end - start, fields);
    const status = isValid ? (fields.get("grpc-status") ?? missingStatus) : "undecodable";
    if (status === good) this.#goodTrailers = Buffer.from(bytes.subarray(start, end));
    this.#answered(streamId, status, fields.get("grpc-message") ?? noMessage);
  }

  #answered(streamId: number, status: string, message: string): void {
    const bodyBytes = this.#bodyBytes.get(streamId) ?? 0;
    this.#bodyBytes.delete(streamId);
    this.#uploads.end(streamId);
    const parts = this.#bodies.size === 0 ? undefined : this.#bodies.get(streamId);
    if (parts !== undefined) this.#bodies.delete(streamId);
    const body = parts === undefined ? undefined : Buffer.concat(parts);
    this.#events.answered(streamId, { status, message, bodyBytes, body });
  }
}
