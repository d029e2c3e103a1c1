/**
 * One HTTP/2 connection of the load client: sends unary gRPC calls as whole frames, and takes answers apart as far as
 * needed to know that each ended with status 0. It trusts its server with flow control: what it has in flight is small.
 */
import type { Socket } from "bun";
import { FieldList } from "../../../src/http2/field-list.ts";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7 } as const;
const frameHeadBytes = 9;
const endStream = 0x1;
const endHeaders = 0x4;
const acknowledgement = 0x1;
/** No dynamic table for the server, so that equal answers have equal bytes; all the stream window there is. */
const settings = Buffer.from("000100000000" + "00047fffffff", "hex");
const connectionWindow = Buffer.from("7fff0000", "hex");
const maxListBytes = 65_536;

export interface ConnectionEvents {
  answered(streamId: number, bodyBytes: number): void;
  failed(error: Error): void;
}

export class Connection {
  readonly #events: ConnectionEvents;
  readonly #hpack = new HpackEncoder();
  readonly #bodyBytes = new Map<number, number>();
  #socket: Socket | undefined;
  #output = Buffer.alloc(1 << 20);
  #outputStart = 0;
  #outputEnd = 0;
  #rest = Buffer.alloc(0);
  #nextStreamId = 1;
  /** A block of trailers that was found to say that all is well. */
  #goodTrailers = Buffer.alloc(0);

  constructor(events: ConnectionEvents) {
    this.#events = events;
  }

  async open(hostname: string, port: number): Promise<void> {
    this.#socket = await Bun.connect({
      hostname,
      port,
      socket: {
        data: (_, bytes) => this.#receive(bytes),
        drain: () => this.flush(),
        close: () => this.#events.failed(new Error("the server closed a connection")),
        error: (_, error) => this.#events.failed(error),
      },
    });
    this.#socket.setNoDelay(true);
    this.#append(preface);
    this.#frame(frameTypes.settings, 0, 0, settings);
    this.#frame(8, 0, 0, connectionWindow);
    this.flush();
  }

  close(): void {
    this.#events.failed = () => undefined;
    this.#socket?.end();
  }

  /** Adds a call to what `flush` sends, and returns its stream's id. */
  send(fields: readonly (readonly [string, string])[], body: Buffer): number {
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    this.#makeRoom(2 * frameHeadBytes + 1024 + body.length);
    const head = this.#outputEnd;
    let position = head + frameHeadBytes;
    for (const [name, value] of fields) position = this.#hpack.write(this.#output, position, name, value);
    this.#writeHead(head, position - head - frameHeadBytes, frameTypes.headers, endHeaders, streamId);
    this.#outputEnd = position;
    this.#frame(frameTypes.data, endStream, streamId, body);
    return streamId;
  }

  flush(): void {
    if (this.#outputStart === this.#outputEnd) return;
    const sent = this.#socket!.write(this.#output, this.#outputStart, this.#outputEnd - this.#outputStart);
    this.#outputStart += Math.max(0, sent);
    if (this.#outputStart === this.#outputEnd) this.#outputStart = this.#outputEnd = 0;
  }

  #frame(type: number, flags: number, streamId: number, content: Buffer): void {
    this.#makeRoom(frameHeadBytes + content.length);
    this.#writeHead(this.#outputEnd, content.length, type, flags, streamId);
    this.#outputEnd += frameHeadBytes;
    this.#append(content);
  }

  #append(bytes: Buffer): void {
    this.#makeRoom(bytes.length);
    bytes.copy(this.#output, this.#outputEnd);
    this.#outputEnd += bytes.length;
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
    while (bytes.length - position >= frameHeadBytes) {
      const length = bytes.readUIntBE(position, 3);
      const end = position + frameHeadBytes + length;
      if (end > bytes.length) break;
      this.#frameArrived(bytes, position, position + frameHeadBytes, end);
      position = end;
    }
    this.#rest = Buffer.from(bytes.subarray(position));
  }

  #frameArrived(bytes: Buffer, head: number, start: number, end: number): void {
    const type = bytes[head + 3]!;
    const flags = bytes[head + 4]!;
    const streamId = bytes.readUInt32BE(head + 5);
    if (type === frameTypes.data) {
      this.#bodyBytes.set(streamId, (this.#bodyBytes.get(streamId) ?? 0) + end - start);
      // Who sends no trailers has no status to tell.
      if ((flags & endStream) !== 0) this.#answered(streamId);
    } else if (type === frameTypes.headers && (flags & endStream) !== 0) {
      this.#checkTrailers(bytes, start, end);
      this.#answered(streamId);
    } else if (type === frameTypes.settings && (flags & acknowledgement) === 0) {
      this.#frame(frameTypes.settings, acknowledgement, 0, Buffer.alloc(0));
    } else if (type === frameTypes.ping && (flags & acknowledgement) === 0) {
      this.#frame(frameTypes.ping, acknowledgement, 0, bytes.subarray(start, end));
    } else if (type === frameTypes.reset || type === frameTypes.goAway) {
      this.#events.failed(
        new Error(`the server sent ${type === frameTypes.reset ? "RST_STREAM" : "GOAWAY"}`),
      );
    }
  }

  #answered(streamId: number): void {
    const bodyBytes = this.#bodyBytes.get(streamId) ?? 0;
    this.#bodyBytes.delete(streamId);
    this.#events.answered(streamId, bodyBytes);
  }

  #checkTrailers(bytes: Buffer, start: number, end: number): void {
    if (this.#goodTrailers.length > 0 && this.#goodTrailers.compare(bytes, start, end) === 0) return;
    const fields = new FieldList();
    const isValid = new HpackDecoder(0, maxListBytes).decode(bytes, start, end - start, fields);
    const status = isValid ? fields.get("grpc-status") : "undecodable";
    if (status === "0") this.#goodTrailers = Buffer.from(bytes.subarray(start, end));
    else this.#events.failed(new Error(`a call ended with status ${status}`));
  }
}
