/**
 * A client of HTTP/2 that sends frames as it is told, also wrong ones, and gathers what comes back for each stream.
 *
 * It keeps to the server's flow control, acknowledges settings and pings, and opens its own windows as data comes,
 * except of streams that are held back. Header blocks are sent as literals, and read with the server's own decoder.
 */
import { readUint32BigEndian } from "../../src/base/integers.ts";
import { FieldList } from "../../src/http2/field-list.ts";
import {
  defaultMaxFrameBytes,
  frameFlags,
  frameHeaderBytes,
  frameTypes,
  maxUint31,
  readUint24,
  readUint31,
} from "../../src/http2/frames.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import type { Field } from "../../src/http2/hpack/encoder.ts";
import { encodeAny, frame, preface, settings, windowUpdate } from "./http2-harness.ts";

/** How a stream ended, and what it brought. */
export interface StreamAnswer {
  readonly headers: Field[];
  readonly trailers: Field[];
  readonly body: Uint8Array;
  /** The code of RST_STREAM; undefined where the server ended its side. */
  readonly resetCode: number | undefined;
}

/** What came back of a stream so far. */
interface OpenStream {
  readonly blocks: Field[][];
  readonly chunks: Uint8Array[];
  readonly answer: PromiseWithResolvers<StreamAnswer>;
  windowBytes: number;
  isOver: boolean;
}

export interface FrameClientOptions {
  readonly tls?: boolean;
  /** Of each stream, and so what a stream that is held back gets. */
  readonly streamWindowBytes?: number;
}

/** As TLS writes it. */
const onlyHttp2 = Buffer.from("\x02h2", "latin1");

const settingsIdentifiers = { initialWindowSize: 4 };
const defaultWindowBytes = 65_535;

export class FrameClient {
  /** Streams whose windows are not opened again. */
  readonly heldBack = new Set<number>();
  readonly closed = Promise.withResolvers<void>();
  /** The code of GOAWAY. */
  goAwayCode: number | undefined;
  #socket!: Bun.Socket;
  #unread = Buffer.alloc(0);
  #unsent: Uint8Array[] = [];
  readonly #decoder = new HpackDecoder(4096, 1 << 24);
  readonly #streams = new Map<number, OpenStream>();
  readonly #pings: PromiseWithResolvers<void>[] = [];
  #windowBytes = defaultWindowBytes;
  #initialWindowBytes = defaultWindowBytes;
  #windowOpened = Promise.withResolvers<void>();
  #nextId = 1;
  #isClosed = false;

  static async connect(port: number, options: FrameClientOptions = {}): Promise<FrameClient> {
    const client = new FrameClient();
    client.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      ...(options.tls === true ? { tls: { rejectUnauthorized: false, ALPNProtocols: onlyHttp2 } } : {}),
      socket: {
        data: (_, bytes) => client.#receive(bytes),
        drain: () => client.#flush(),
        close: () => client.#close(),
        error: () => undefined,
      },
    });
    const windowBytes = options.streamWindowBytes ?? maxUint31;
    const connectionWindow = windowUpdate(0, maxUint31 - defaultWindowBytes);
    client.send(preface, settings([settingsIdentifiers.initialWindowSize, windowBytes]), connectionWindow);
    return client;
  }

  /** Opens a stream; its answer may be awaited from then on. */
  open(fields: readonly Field[], isEnd: boolean): number {
    const id = this.#nextId;
    this.#nextId += 2;
    const answer = Promise.withResolvers<StreamAnswer>();
    answer.promise.catch(() => undefined);
    const stream = { blocks: [], chunks: [], answer, windowBytes: this.#initialWindowBytes, isOver: false };
    this.#streams.set(id, stream);
    if (this.#isClosed) this.#lose(id, stream);
    this.sendFields(id, fields, isEnd);
    return id;
  }

  /** HEADERS, and CONTINUATION where one frame is not enough. */
  sendFields(id: number, fields: readonly Field[], isEnd: boolean): void {
    const block = encodeAny(fields);
    for (let start = 0; start === 0 || start < block.length; start += defaultMaxFrameBytes) {
      const end = start + defaultMaxFrameBytes;
      const flags = (end >= block.length ? frameFlags.END_HEADERS : 0) | (isEnd && start === 0 ? 1 : 0);
      const type = start === 0 ? frameTypes.HEADERS : frameTypes.CONTINUATION;
      this.send(frame(type, flags, id, block.subarray(start, end)));
    }
  }

  /** One DATA frame; resolves once the windows let it go, and drops it when the stream is over. */
  async sendData(id: number, payload: Uint8Array, isEnd: boolean, paddingBytes?: number): Promise<void> {
    const padding = paddingBytes === undefined ? [] : new Uint8Array(paddingBytes);
    const content =
      paddingBytes === undefined
        ? payload
        : Buffer.concat([Uint8Array.of(paddingBytes), payload, padding as Uint8Array]);
    const stream = this.#streams.get(id)!;
    while (content.length > Math.min(this.#windowBytes, stream.windowBytes)) {
      if (stream.isOver) return;
      await this.#windowOpened.promise;
    }
    if (stream.isOver) return;
    this.#windowBytes -= content.length;
    stream.windowBytes -= content.length;
    const flags = (isEnd ? frameFlags.END_STREAM : 0) | (paddingBytes === undefined ? 0 : frameFlags.PADDED);
    this.send(frame(frameTypes.DATA, flags, id, content));
  }

  answer(id: number): Promise<StreamAnswer> {
    return this.#streams.get(id)!.answer.promise;
  }

  isOver(id: number): boolean {
    return this.#streams.get(id)!.isOver;
  }

  /** Bytes of DATA that came so far. */
  receivedBytes(id: number): number {
    return this.#streams.get(id)!.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  /** Resolves when the server has read all that was sent before. */
  ping(): Promise<void> {
    const answered = Promise.withResolvers<void>();
    this.#pings.push(answered);
    this.send(frame(frameTypes.PING, 0, 0, new Uint8Array(8)));
    return answered.promise;
  }

  send(...parts: Uint8Array[]): void {
    this.#unsent.push(...parts);
    this.#flush();
  }

  /** Ends the connection after what was sent, and resolves when the server has ended it too. */
  end(): Promise<void> {
    this.#socket.end();
    return this.closed.promise;
  }

  /** Ends the connection at once. */
  close(): void {
    this.#socket.terminate();
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent.length === 1 ? this.#unsent[0]! : Buffer.concat(this.#unsent);
      const written = Math.max(0, this.#socket.write(bytes));
      this.#unsent = written === bytes.length ? [] : [bytes.subarray(written)];
      if (written < bytes.length) return;
    }
  }

  #receive(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#unread, bytes]);
    let position = 0;
    while (position + frameHeaderBytes <= all.length) {
      const start = position + frameHeaderBytes;
      const end = start + readUint24(all, position);
      if (end > all.length) break;
      this.#frame(
        all[position + 3]!,
        all[position + 4]!,
        readUint31(all, position + 5),
        all.subarray(start, end),
      );
      position = end;
    }
    this.#unread = Buffer.from(all.subarray(position));
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    const stream = this.#streams.get(id);
    if (type === frameTypes.DATA) this.#data(id, payload);
    else if (type === frameTypes.HEADERS) stream?.blocks.push(this.#decode(payload));
    else if (type === frameTypes.RST_STREAM) this.#end(id, readUint32BigEndian(payload, 0));
    else if (type === frameTypes.WINDOW_UPDATE) this.#opened(stream, id, readUint31(payload, 0));
    else if (type === frameTypes.GOAWAY) this.goAwayCode = readUint32BigEndian(payload, 4);
    else if (type === frameTypes.SETTINGS && (flags & frameFlags.ACK) === 0) this.#settings(payload);
    else if (type === frameTypes.PING) {
      if (flags & frameFlags.ACK) this.#pings.shift()?.resolve();
      else this.send(frame(frameTypes.PING, frameFlags.ACK, 0, payload));
    }
    const canEnd = type === frameTypes.DATA || type === frameTypes.HEADERS;
    if (canEnd && flags & frameFlags.END_STREAM) this.#end(id, undefined);
  }

  #data(id: number, payload: Buffer): void {
    this.#streams.get(id)?.chunks.push(Buffer.from(payload));
    if (payload.length === 0) return;
    this.send(windowUpdate(0, payload.length));
    if (!this.heldBack.has(id)) this.send(windowUpdate(id, payload.length));
  }

  #opened(stream: OpenStream | undefined, id: number, byteCount: number): void {
    if (id === 0) this.#windowBytes += byteCount;
    else if (stream !== undefined) stream.windowBytes += byteCount;
    this.#wakeSenders();
  }

  #settings(payload: Buffer): void {
    for (let position = 0; position < payload.length; position += 6) {
      if (payload.readUInt16BE(position) !== settingsIdentifiers.initialWindowSize) continue;
      const windowBytes = payload.readUInt32BE(position + 2);
      for (const stream of this.#streams.values())
        stream.windowBytes += windowBytes - this.#initialWindowBytes;
      this.#initialWindowBytes = windowBytes;
    }
    this.send(frame(frameTypes.SETTINGS, frameFlags.ACK, 0));
    this.#wakeSenders();
  }

  /** Blocks of answers fit one frame each. */
  #decode(payload: Buffer): Field[] {
    const list = new FieldList();
    if (!this.#decoder.decode(payload, 0, payload.length, list)) throw new Error("a header block is damaged");
    return Array.from({ length: list.count }, (_, index): Field => [list.name(index), list.value(index)]);
  }

  #end(id: number, resetCode: number | undefined): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.isOver) return;
    stream.isOver = true;
    const [headers = [], trailers = []] = stream.blocks;
    stream.answer.resolve({ headers, trailers, body: Buffer.concat(stream.chunks), resetCode });
    this.#wakeSenders();
  }

  #lose(id: number, stream: OpenStream): void {
    stream.isOver = true;
    stream.answer.reject(new Error(`the connection ended before stream ${id} did`));
  }

  #wakeSenders(): void {
    this.#windowOpened.resolve();
    this.#windowOpened = Promise.withResolvers();
  }

  #close(): void {
    this.#isClosed = true;
    for (const [id, stream] of this.#streams) if (!stream.isOver) this.#lose(id, stream);
    for (const ping of this.#pings) ping.resolve();
    this.#wakeSenders();
    this.closed.resolve();
  }
}
