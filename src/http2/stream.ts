/**
 * One request and its response, and where both are in their lives (RFC 9113, section 5.1). The connection drives the
 * receiving half, the application the sending one.
 *
 * Invariants:
 * 1. Data leaves in order: while some of it waits in the queue, all that follows does, and so does the end.
 * 2. What is held for either side is taken from the budget of the connection, and given back when it goes.
 * 3. After `close` nothing leaves and nothing is called.
 */
import { emptyBytes, Slice } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import type { Peer, RequestListener, ServerRequest, ServerResponse } from "./api.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { ArrayPool, ByteQueue } from "./byte-queue.ts";
import { errorCodes } from "./error-codes.ts";
import { FieldList } from "./field-list.ts";
import { ReceiveWindow, SendWindow } from "./flow-control.ts";
import type { Http2Limits } from "./limits.ts";
import { SendQueue } from "./send-queue.ts";
import type { Sender } from "./sender.ts";

/** Most streams never hold anything: these stand for their queues until they do. Nobody adds to them. */
const noBytes = new ByteQueue();
const nothingQueued = new SendQueue(new ArrayPool());

/** The connection, as its streams see it. */
export interface StreamOwner {
  readonly peer: Peer;
  readonly sender: Sender;
  readonly limits: Http2Limits;
  readonly budget: ByteBudget;
  readonly nowMs: number;
  /** Ends the stream for both sides with RST_STREAM. */
  resetStream(stream: Stream, code: number): void;
  /** Both halves have ended; the stream is closed already. */
  finished(stream: Stream): void;
  /** There is something to write. */
  wantsToWrite(): void;
  overQueuedBytes(stream: Stream): void;
}

export class Stream implements ServerRequest, ServerResponse {
  id = 0;
  method = "";
  scheme = "";
  path = "";
  authority = "";
  contentLength: number | undefined = undefined;
  fields = new FieldList();
  trailers: FieldList | undefined = undefined;
  readonly body = new Slice();
  isWhole = false;

  /** The handler has it. */
  isDispatched = false;
  isRemoteEnded = false;
  isClosed = false;
  readonly receiveWindow = new ReceiveWindow(0);
  readonly sendWindow = new SendWindow(0);
  /** When data began to wait, or last moved. */
  progressedAtMs = 0;

  #owner: StreamOwner;
  #listener: RequestListener | undefined = undefined;
  /** Of the body, so far. */
  #receivedBytes = 0;
  /** Body bytes that wait for a listener. */
  #stored: ByteQueue = noBytes;
  /** Response bytes that wait for windows. */
  #queue: SendQueue = nothingQueued;
  #isHeadersSent = false;
  #isLocalEnded = false;
  /** What ends the response once the queue is empty: a flag on the last data, or trailers. */
  #endsWithData = false;
  #queuedTrailers: Uint8Array | undefined = undefined;
  #writable: PromiseWithResolvers<boolean> | undefined = undefined;

  constructor(owner: StreamOwner) {
    this.#owner = owner;
  }

  /** Begins a life, the first or a further one. */
  open(owner: StreamOwner, id: number, sendWindowBytes: number): void {
    this.#owner = owner;
    this.id = id;
    this.method = "";
    this.scheme = "";
    this.path = "";
    this.authority = "";
    this.contentLength = undefined;
    this.trailers = undefined;
    this.isWhole = false;
    this.isDispatched = false;
    this.isRemoteEnded = false;
    this.isClosed = false;
    this.receiveWindow.reset(owner.limits.initialStreamWindowBytes);
    this.sendWindow.bytes = sendWindowBytes;
    this.#listener = undefined;
    this.#receivedBytes = 0;
    this.#isHeadersSent = false;
    this.#isLocalEnded = false;
    this.#endsWithData = false;
    this.#queuedTrailers = undefined;
  }

  get peer(): Peer {
    return this.#owner.peer;
  }

  get isOpen(): boolean {
    return !this.isClosed && !this.#isLocalEnded && !this.#endsWithData && this.#queuedTrailers === undefined;
  }

  // The receiving half, for the connection.

  /** Takes the fields of its request, and gives those of its last one for the next. */
  exchangeFields(fields: FieldList): FieldList {
    const old = this.fields;
    this.fields = fields;
    return old;
  }

  /** Takes a piece of the body; false when it does not fit the length that was announced. */
  receive(bytes: Uint8Array, start: number, length: number): boolean {
    this.#receivedBytes += length;
    if (this.contentLength !== undefined && this.#receivedBytes > this.contentLength) return false;
    if (length === 0) return true;
    if (this.#listener !== undefined) this.#listener.data(bytes, start, length);
    else if (!this.isDispatched && this.#receivedBytes === length) this.body.set(bytes, start, length);
    else {
      this.#keepBody();
      this.#store(bytes, start, length);
    }
    return true;
  }

  /** The body is complete; false when it is shorter than announced. */
  receiveEnd(): boolean {
    if (this.contentLength !== undefined && this.#receivedBytes !== this.contentLength) return false;
    this.isRemoteEnded = true;
    if (!this.isDispatched) {
      this.isWhole = true;
      if (this.#stored.length > 0) this.body.set(this.#stored.bytes, this.#stored.start, this.#stored.length);
    } else this.#listener?.end();
    return true;
  }

  /** Copies what waits where it arrived, since those bytes are about to go. */
  #keepBody(): void {
    const { bytes, start, length } = this.body;
    if (length === 0 || bytes === this.#stored.bytes) return;
    this.body.set(emptyBytes, 0, 0);
    this.#store(bytes, start, length);
  }

  /** The handler is called later: a whole body waits where it stays. */
  hold(): void {
    this.#keepBody();
    if (this.#stored.length > 0) this.body.set(this.#stored.bytes, this.#stored.start, this.#stored.length);
  }

  /** The handler has returned: a whole body was its to take, others wait until somebody listens. */
  afterHandler(): void {
    if (!this.isWhole) this.#keepBody();
    else {
      this.body.set(emptyBytes, 0, 0);
      if (this.#stored.length > 0) this.#releaseStored();
    }
  }

  #store(bytes: Uint8Array, start: number, length: number): void {
    if (this.isClosed) return;
    if (!this.#owner.budget.take(length)) {
      this.#owner.overQueuedBytes(this);
      return;
    }
    if (this.#stored === noBytes) this.#stored = new ByteQueue();
    this.#stored.append(bytes, start, length);
  }

  #releaseStored(): void {
    this.#owner.budget.giveBack(this.#stored.length);
    this.#stored.clear();
  }

  // The receiving half, for the application.

  listen(listener: RequestListener): void {
    assert(this.#listener === undefined, "a request has one listener");
    if (this.isClosed) {
      listener.aborted(errorCodes.CANCEL);
      return;
    }
    this.#listener = listener;
    const { body } = this;
    if (body.length > 0) listener.data(body.bytes, body.start, body.length);
    else if (this.#stored.length > 0) {
      listener.data(this.#stored.bytes, this.#stored.start, this.#stored.length);
    }
    body.set(emptyBytes, 0, 0);
    if (this.#stored.length > 0) this.#releaseStored();
    if (this.isRemoteEnded && !this.isClosed) listener.end();
  }

  grant(byteCount: number): void {
    if (this.isRemoteEnded || this.isClosed) return;
    this.receiveWindow.grant(byteCount);
    const update = this.receiveWindow.takeUpdate();
    if (update === 0) return;
    this.#owner.sender.frames.windowUpdate(this.id, update);
    this.#owner.wantsToWrite();
  }

  // The sending half.

  answer(headers: Uint8Array, bytes: Uint8Array, start: number, length: number, trailers?: Uint8Array): void {
    const { sender } = this.#owner;
    if (this.isOpen && !this.#isHeadersSent && sender.canAnswer(this, length)) {
      this.#isHeadersSent = true;
      sender.answer(this, headers, bytes, start, length, trailers);
      this.#owner.wantsToWrite();
      this.#endLocal();
      return;
    }
    this.sendHeaders(headers);
    this.sendData(bytes, start, length, trailers === undefined);
    if (trailers !== undefined) this.sendTrailers(trailers);
  }

  sendHeaders(block: Uint8Array, isEnd = false): void {
    if (!this.isOpen) return;
    assert(!this.#isHeadersSent, "headers are sent once");
    this.#isHeadersSent = true;
    this.#owner.sender.frames.headers(this.id, block, isEnd);
    this.#owner.wantsToWrite();
    if (isEnd) this.#endLocal();
  }

  sendData(bytes: Uint8Array, start: number, length: number, isEnd = false): boolean {
    if (!this.isOpen) return false;
    assert(this.#isHeadersSent, "headers come before data");
    const { sender } = this.#owner;
    const sent = this.#queue.length === 0 ? sender.send(this, bytes, start, length, isEnd) : 0;
    this.#owner.wantsToWrite();
    if (sent === length && this.#queue.length === 0) {
      if (isEnd) this.#endLocal();
      return true;
    }
    this.#endsWithData = isEnd;
    return this.#enqueue(bytes, start + sent, length - sent);
  }

  sendTrailers(block: Uint8Array): void {
    if (!this.isOpen) return;
    assert(this.#isHeadersSent, "headers come before trailers");
    if (this.#queue.length > 0) {
      this.#queuedTrailers = block;
      return;
    }
    this.#owner.sender.frames.headers(this.id, block, true);
    this.#owner.wantsToWrite();
    this.#endLocal();
  }

  whenWritable(): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(false);
    if (this.#queue.length < this.#owner.limits.streamSendBufferBytes) return Promise.resolve(true);
    this.#writable ??= Promise.withResolvers();
    return this.#writable.promise;
  }

  reset(code: number): void {
    this.#listener = undefined;
    if (!this.isClosed) this.#owner.resetStream(this, code);
  }

  /** Sends what waits, up to one frame; false when none is left to wait. For the sender. */
  sendQueued(): boolean {
    const { sender, budget, limits } = this.#owner;
    const queue = this.#queue;
    const length = sender.frameRoom(this, queue.length);
    const isLast = length === queue.length;
    sender.writeQueued(this, queue, length, isLast && this.#endsWithData);
    budget.giveBack(length);
    this.progressedAtMs = this.#owner.nowMs;
    if (queue.length <= limits.streamSendBufferBytes / 2) this.#resolveWritable();
    if (!isLast) return true;
    if (this.#queuedTrailers !== undefined) sender.frames.headers(this.id, this.#queuedTrailers, true);
    if (this.#endsWithData || this.#queuedTrailers !== undefined) this.#endLocal();
    return false;
  }

  #enqueue(bytes: Uint8Array, start: number, length: number): boolean {
    const { budget, limits, sender, nowMs } = this.#owner;
    if (this.#queue === nothingQueued) this.#queue = new SendQueue(sender.arrays);
    const queue = this.#queue;
    if (queue.length + length > limits.maxQueuedBytesPerStream || !budget.take(length)) {
      this.#owner.overQueuedBytes(this);
      return false;
    }
    if (queue.length === 0) this.progressedAtMs = nowMs;
    queue.push(bytes, start, length);
    sender.waiting.add(this);
    return queue.length < limits.streamSendBufferBytes;
  }

  #resolveWritable(): void {
    this.#writable?.resolve(this.isOpen);
    this.#writable = undefined;
  }

  #endLocal(): void {
    this.#isLocalEnded = true;
    this.#listener = undefined;
    // A client whose answer is complete is told to stop sending the rest of its request (section 8.1).
    if (!this.isRemoteEnded) this.#owner.resetStream(this, errorCodes.NO_ERROR);
    else {
      this.release();
      this.#owner.finished(this);
    }
  }

  /** Whether the response was complete when the stream was closed. */
  get isAnswered(): boolean {
    return this.#isLocalEnded;
  }

  /** The end of an unfinished request: tells the application, unless it knows. */
  abort(code: number): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.release();
    listener?.aborted(code);
  }

  /** Lets go of all that is held. */
  release(): void {
    this.isClosed = true;
    if (this.#queue.length > 0) {
      this.#owner.sender.waiting.delete(this);
      this.#owner.budget.giveBack(this.#queue.length);
      this.#queue.clear();
    }
    if (this.#stored.length > 0) this.#releaseStored();
    this.body.set(emptyBytes, 0, 0);
    this.#resolveWritable();
  }
}
