/**
 * The streams of a connection, and all frames that concern one.
 *
 * Invariants:
 * 1. A stream is in the table from its first HEADERS until both sides have ended or one has reset it.
 * 2. Every header block is decoded, also of a stream that is refused or gone: the table of HPACK is the connection's.
 * 3. The handler sees a request once: when it is whole, or else when the bytes that are there have all been read.
 * 4. Whole requests wait in order while the output is full: their answers would be copied to wait. None waits for a
 *    window, so each is handed on as the output drains, or ends with a connection that takes nothing.
 * 5. `handledId` is the highest stream that the handler saw: what a connection error names as the last. What the end of
 *    a connection names is `openedId`, since the handler will see that one.
 */
import { readUint32BigEndian } from "../base/integers.ts";
import type { Peer } from "./api.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionEnvironment } from "./environment.ts";
import { errorCodes } from "./error-codes.ts";
import { FieldList } from "./field-list.ts";
import { frameFlags, maxUint31, priorityBytes, readUint31 } from "./frames.ts";
import { HeaderBlock } from "./header-block.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { encodeFields } from "./hpack/encoder.ts";
import type { Http2Limits } from "./limits.ts";
import { areValidTrailers, readRequestHead } from "./request-head.ts";
import type { Sender } from "./sender.ts";
import { defaultTableBytes } from "./settings.ts";
import type { Stream, StreamOwner } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

const { PROTOCOL_ERROR, STREAM_CLOSED, FLOW_CONTROL_ERROR, REFUSED_STREAM } = errorCodes;

/** For a request whose fields are too large. */
const tooLargeBlock = encodeFields([[":status", "431"]]);

/** Fields of the block that is being read; all connections share it. A request takes it, and leaves its old one. */
let decoded = new FieldList();

export class Streams implements StreamOwner {
  readonly table: StreamTable;
  readonly headerBlock: HeaderBlock;
  readonly budget: ByteBudget;
  handledId = 0;
  #openedId = 0;
  /** Requests with a higher number are left alone: the client was told that they will be. */
  #acceptThroughId = maxUint31;
  readonly #connection: Connection;
  readonly #environment: ConnectionEnvironment;
  readonly #decoder: HpackDecoder;
  /** Requests that the handler has not seen, since their bodies are not complete. */
  #started: Stream[] = [];
  /** Whole requests that the handler will see once the peer has taken more of the answers before theirs. */
  readonly #held = new Set<Stream>();

  constructor(connection: Connection, environment: ConnectionEnvironment) {
    const { limits, arrays, budget } = environment;
    this.#connection = connection;
    this.#environment = environment;
    this.table = new StreamTable(limits.maxConcurrentStreams);
    this.headerBlock = new HeaderBlock(limits, arrays);
    this.budget = new ByteBudget(limits.maxQueuedBytesPerConnection, budget);
    this.#decoder = new HpackDecoder(defaultTableBytes, limits.maxHeaderListBytes);
  }

  // As the owner of its streams.

  get peer(): Peer {
    return this.#connection.peer;
  }

  get sender(): Sender {
    return this.#connection.sender;
  }

  get limits(): Http2Limits {
    return this.#environment.limits;
  }

  get nowMs(): number {
    return this.#connection.nowMs;
  }

  wantsToWrite(): void {
    this.#connection.wantsToWrite();
  }

  resetStream(stream: Stream, code: number): void {
    this.#writeReset(stream.id, code);
    this.#forget(stream);
    if (stream.isAnswered) this.#connection.guard.answered();
    stream.abort(code);
    this.#connection.endWhenIdle();
  }

  finished(stream: Stream): void {
    this.#forget(stream);
    this.#connection.guard.answered();
    this.#connection.endWhenIdle();
  }

  overQueuedBytes(stream: Stream): void {
    this.#environment.observer.limitReached("queued_bytes");
    this.resetStream(stream, errorCodes.ENHANCE_YOUR_CALM);
  }

  /** Refuses requests with a higher number than the highest so far, from now on; returns that one. */
  acceptNoMore(): number {
    this.#acceptThroughId = this.#openedId;
    return this.#openedId;
  }

  /** Clients that leave an answer lying do not get the rest. */
  resetStalled(nowMs: number): void {
    for (const stream of [...this.sender.waiting]) {
      if (nowMs - stream.progressedAtMs < this.limits.stallTimeoutMs) continue;
      this.#environment.observer.limitReached("stall_timeout");
      this.resetStream(stream, errorCodes.CANCEL);
    }
  }

  /** A frame that only concerns a stream has a wrong length; a stream that is not open cannot be reset. */
  frameSizeError(id: number, message: string): void {
    const stream = this.table.get(id);
    if (stream === undefined) this.#connection.fail("FRAME_SIZE_ERROR", message);
    else this.#streamError(stream, errorCodes.FRAME_SIZE_ERROR);
  }

  /** The connection is gone: tells the applications, and lets go of everything. */
  abortAll(code: number): void {
    this.headerBlock.clear();
    this.#started = [];
    for (const stream of this.table.values()) {
      this.#forget(stream);
      stream.abort(code);
    }
  }

  #forget(stream: Stream): void {
    this.table.delete(stream);
    if (this.#held.size > 0) this.#held.delete(stream);
  }

  // HEADERS and CONTINUATION (sections 6.2 and 6.10).

  headers(id: number, flags: number, bytes: Uint8Array, start: number, length: number): void {
    if ((id & 1) === 0)
      return void this.#connection.fail("PROTOCOL_ERROR", "HEADERS on a stream that no client opens");
    const padding = this.#paddingOf(flags, bytes, start, length);
    if (padding < 0) return;
    const skipped = (flags & frameFlags.PADDED ? 1 : 0) + (flags & frameFlags.PRIORITY ? priorityBytes : 0);
    const blockLength = length - skipped - padding;
    if (blockLength < 0)
      return void this.#connection.fail("PROTOCOL_ERROR", "HEADERS is shorter than its padding");
    const blockStart = start + skipped;
    if (flags & frameFlags.PRIORITY && readUint31(bytes, blockStart - priorityBytes) === id) {
      return void this.#connection.fail("PROTOCOL_ERROR", "a stream cannot depend on itself");
    }
    const isEnd = (flags & frameFlags.END_STREAM) !== 0;
    if (flags & frameFlags.END_HEADERS) return void this.#block(id, isEnd, bytes, blockStart, blockLength);
    this.headerBlock.begin(id, isEnd, this.nowMs);
    this.#addToBlock(bytes, blockStart, blockLength);
  }

  continuation(id: number, flags: number, bytes: Uint8Array, start: number, length: number): void {
    const block = this.headerBlock;
    if (block.streamId !== id || id === 0) {
      return void this.#connection.fail("PROTOCOL_ERROR", "CONTINUATION without a header block");
    }
    if (!this.#addToBlock(bytes, start, length) || (flags & frameFlags.END_HEADERS) === 0) return;
    const whole = block.bytes;
    this.#block(id, block.isEndOfStream, whole.bytes, whole.start, whole.length);
    block.clear();
  }

  #addToBlock(bytes: Uint8Array, start: number, length: number): boolean {
    const limit = this.headerBlock.add(bytes, start, length);
    if (limit !== undefined) this.#connection.calm(limit);
    return limit === undefined;
  }

  /** A header block is complete: the fields of a request, its trailers, or of a stream that is gone. */
  #block(id: number, isEnd: boolean, bytes: Uint8Array, start: number, length: number): void {
    decoded.clear();
    if (!this.#decoder.decode(bytes, start, length, decoded)) {
      return void this.#connection.fail("COMPRESSION_ERROR", "a header block is invalid");
    }
    const limit = this.#connection.guard.headerBlock(this.#decoder.insertionCount);
    if (limit !== undefined) return void this.#connection.calm(limit);
    const stream = this.table.get(id);
    if (stream !== undefined) return void this.#trailers(stream, isEnd);
    if (id <= this.table.highestId) return void this.#onClosed(id, "HEADERS");
    this.table.highestId = id;
    if (id > this.#acceptThroughId) return;
    this.#open(id, isEnd);
  }

  #open(id: number, isEnd: boolean): void {
    const { guard, settings } = this.#connection;
    if (this.table.size >= this.limits.maxConcurrentStreams) {
      this.#environment.observer.limitReached("concurrent_streams");
      this.#writeReset(id, REFUSED_STREAM);
      this.#connection.allow(guard.reset(this.nowMs));
      return;
    }
    const stream = this.#environment.streams.open(this, id, settings.initialWindowBytes);
    this.table.add(stream);
    if (this.#decoder.isTooLarge(decoded)) return void this.#refuseTooLarge(stream, isEnd);
    decoded = stream.exchangeFields(decoded);
    if (!readRequestHead(stream.fields, stream)) return void this.#streamError(stream, PROTOCOL_ERROR);
    this.#openedId = id;
    if (isEnd) this.#end(stream);
    else this.#started.push(stream);
  }

  #refuseTooLarge(stream: Stream, isEnd: boolean): void {
    this.#environment.observer.limitReached("header_list");
    stream.isRemoteEnded = isEnd;
    stream.sendHeaders(tooLargeBlock, true);
  }

  #trailers(stream: Stream, isEnd: boolean): void {
    if (stream.isRemoteEnded) return void this.#streamError(stream, STREAM_CLOSED);
    if (!isEnd || !areValidTrailers(decoded)) return void this.#streamError(stream, PROTOCOL_ERROR);
    stream.trailers = decoded;
    decoded = new FieldList();
    this.#end(stream);
  }

  // DATA (section 6.1); the connection has counted it against its own window.

  data(id: number, flags: number, bytes: Uint8Array, start: number, length: number): void {
    const padding = this.#paddingOf(flags, bytes, start, length);
    if (padding < 0) return;
    const stream = this.table.get(id);
    if (stream === undefined) return void this.#onClosed(id, "DATA");
    if (stream.isRemoteEnded) return void this.#streamError(stream, STREAM_CLOSED);
    if (!stream.receiveWindow.receive(length)) return void this.#streamError(stream, FLOW_CONTROL_ERROR);
    const isEnd = (flags & frameFlags.END_STREAM) !== 0;
    const skipped = flags & frameFlags.PADDED ? 1 : 0;
    const dataLength = length - skipped - padding;
    if (dataLength > 0) this.#connection.guard.moved();
    else if (!isEnd && !this.#connection.allowIdleFrame()) return;
    if (!stream.receive(bytes, start + skipped, dataLength))
      return void this.#streamError(stream, PROTOCOL_ERROR);
    if (stream.isClosed) return;
    if (isEnd) this.#end(stream);
    // Nobody but us ever sees padding.
    else if (dataLength < length) stream.grant(length - dataLength);
  }

  /** Bytes at the end that are to be left out; -1, and the connection has failed, when there are not so many. */
  #paddingOf(flags: number, bytes: Uint8Array, start: number, length: number): number {
    if ((flags & frameFlags.PADDED) === 0) return 0;
    const padding = length === 0 ? 0 : bytes[start]!;
    if (padding < length) return padding;
    this.#connection.fail(length === 0 ? "FRAME_SIZE_ERROR" : "PROTOCOL_ERROR", "a frame is all padding");
    return -1;
  }

  // RST_STREAM and WINDOW_UPDATE (sections 6.4 and 6.9).

  peerReset(id: number, bytes: Uint8Array, start: number): void {
    const stream = this.table.get(id);
    if (stream === undefined) return void this.#ignoreOnClosed(id, "RST_STREAM");
    const code = readUint32BigEndian(bytes, start);
    this.#environment.observer.streamReset("peer", code);
    this.#forget(stream);
    this.table.rememberReset(id, true);
    stream.abort(code);
    // What no handler has seen, nobody holds; if it is listed among those that started, it is met there in vain.
    if (!stream.isDispatched) this.#environment.streams.giveBack(stream);
    this.#connection.endWhenIdle();
    this.#connection.allow(this.#connection.guard.reset(this.nowMs));
  }

  windowUpdate(id: number, byteCount: number): void {
    const stream = this.table.get(id);
    if (stream === undefined) return void this.#ignoreOnClosed(id, "WINDOW_UPDATE");
    if (byteCount === 0) return void this.#streamError(stream, PROTOCOL_ERROR);
    if (!stream.sendWindow.open(byteCount)) this.#streamError(stream, FLOW_CONTROL_ERROR);
  }

  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE changed (section 6.9.2); false when a window would be too large. */
  openWindows(difference: number): boolean {
    for (const stream of this.table.values()) if (!stream.sendWindow.open(difference)) return false;
    return true;
  }

  // When all bytes that are there have been read.

  /**
   * Hands on the requests whose bodies are still to come. So a body that lies where it arrived, since its request began
   * in the same read, is handed on before those bytes go.
   */
  dispatchStarted(): void {
    if (this.#started.length === 0) return;
    const started = this.#started;
    this.#started = [];
    for (const stream of started)
      if (!stream.isDispatched && !stream.isWhole && !stream.isClosed) this.#dispatch(stream);
  }

  get hasHeld(): boolean {
    return this.#held.size > 0;
  }

  /** Hands on whole requests that waited, as long as their answers can leave. */
  dispatchHeld(): void {
    for (const stream of this.#held) {
      if (!this.sender.hasRoom()) return;
      this.#held.delete(stream);
      this.#dispatch(stream);
    }
  }

  // Streams that end.

  #end(stream: Stream): void {
    if (!stream.receiveEnd()) return void this.#streamError(stream, PROTOCOL_ERROR);
    if (stream.isDispatched) return;
    if (this.#held.size > 0 || !this.sender.hasRoom()) this.#hold(stream);
    else this.#dispatch(stream);
  }

  #hold(stream: Stream): void {
    stream.hold();
    if (!stream.isClosed) this.#held.add(stream);
  }

  #dispatch(stream: Stream): void {
    stream.isDispatched = true;
    this.handledId = Math.max(this.handledId, stream.id);
    const { isWhole } = stream;
    try {
      this.#environment.handle(stream, stream);
    } catch (error) {
      this.#environment.observer.handlerFailed(error);
      stream.reset(errorCodes.INTERNAL_ERROR);
    }
    stream.afterHandler();
    // It may still be listed among those that started, where its next life is met twice: the second time in vain.
    if (isWhole && stream.isAnswered) this.#environment.streams.giveBack(stream);
  }

  /** What a client did wrong on one stream ends that stream, and counts. */
  #streamError(stream: Stream, code: number): void {
    this.resetStream(stream, code);
    this.#connection.allow(this.#connection.guard.reset(this.nowMs));
  }

  /** A frame that opens or fills a stream came for one that is not open. */
  #onClosed(id: number, frame: string): void {
    if (id > this.table.highestId || (id & 1) === 0) {
      return void this.#connection.fail("PROTOCOL_ERROR", `${frame} on a stream that is idle`);
    }
    const closure = this.table.closureOf(id);
    if (closure === "reset_by_us" || id > this.#acceptThroughId) return;
    if (closure === "ended")
      return void this.#connection.fail("STREAM_CLOSED", `${frame} on a stream that has ended`);
    this.#writeReset(id, STREAM_CLOSED);
    this.#connection.allow(this.#connection.guard.reset(this.nowMs));
  }

  /** These may come a while after the end. */
  #ignoreOnClosed(id: number, frame: string): void {
    if (id > this.table.highestId || (id & 1) === 0) {
      this.#connection.fail("PROTOCOL_ERROR", `${frame} on a stream that is idle`);
    } else this.#connection.allowIdleFrame();
  }

  #writeReset(id: number, code: number): void {
    this.#environment.observer.streamReset("server", code);
    this.table.rememberReset(id, false);
    this.sender.frames.resetStream(id, code);
    this.wantsToWrite();
  }
}
