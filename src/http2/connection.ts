/**
 * One connection as a pure state machine: bytes come in by `receive`, time by its calls and by `tick`; bytes that are
 * to leave are in `output`, requests go to the handler. No socket, no clock.
 *
 * Whoever drives it writes `output` after every call, and when it is asked to: `pump` before, `wrote` after. It ends the
 * socket when `isOver` and nothing is left to write.
 *
 * Invariants:
 * 1. After a connection error nothing is read or handed on any more, and GOAWAY is the last frame.
 * 2. What a peer makes us hold is bounded: open streams and their queues by the limits, the output by `maxUnsentBytes`,
 *    and one partial frame and one header block.
 * 3. The window of the connection is opened as bytes arrive, not as they are consumed, so no stream can starve the
 *    others: what bounds the memory are the windows of the streams and the budgets.
 */
import { AbuseGuard } from "./abuse-guard.ts";
import type { Peer } from "./api.ts";
import type { ByteQueue } from "./byte-queue.ts";
import { ControlFrames } from "./control-frames.ts";
import type { ConnectionEnvironment } from "./environment.ts";
import { type ErrorName, errorCodes } from "./error-codes.ts";
import { ReceiveWindow } from "./flow-control.ts";
import { refuseForeign } from "./foreign-protocol.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { frameFlags, frameTypes, readUint31 } from "./frames.ts";
import { KeepAlive } from "./keep-alive.ts";
import type { LimitName } from "./limits.ts";
import { Sender } from "./sender.ts";
import { defaultWindowBytes, type PeerSettings } from "./settings.ts";
import { Streams } from "./streams.ts";

export interface ConnectionDriver {
  /** Something is to be written, outside of the calls that bring bytes or time. */
  wantsToWrite(): void;
  /** The output is full, and more is at hand: writes what the socket takes, without a call but of `wrote`. */
  writeFull(): void;
}

type State = "greeting" | "settings" | "open" | "over";

export class Connection implements FrameSink {
  readonly peer: Peer;
  readonly sender: Sender;
  readonly guard: AbuseGuard;
  /** Of the last call. */
  nowMs: number;
  /** What was written before the last bytes came is still unread. */
  isBlocked = false;
  readonly #environment: ConnectionEnvironment;
  readonly #driver: ConnectionDriver;
  readonly #reader: FrameReader;
  readonly #streams: Streams;
  readonly #control: ControlFrames;
  readonly #keepAlive: KeepAlive;
  readonly #receiveWindow = new ReceiveWindow(defaultWindowBytes);
  readonly #openedAtMs: number;
  #state: State = "greeting";
  /** Its driver is in a call, and will write after it. */
  #isDriven = false;
  /** When output last moved that does not move now. */
  #stuckSinceMs: number | undefined = undefined;

  constructor(environment: ConnectionEnvironment, peer: Peer, nowMs: number, driver: ConnectionDriver) {
    this.#environment = environment;
    this.peer = peer;
    this.nowMs = nowMs;
    this.#openedAtMs = nowMs;
    this.#driver = driver;
    this.sender = new Sender(environment.arrays, () => driver.writeFull());
    this.guard = new AbuseGuard(environment.limits, this.sender, nowMs);
    this.#reader = new FrameReader(this, environment.arrays);
    this.#streams = new Streams(this, environment);
    this.#control = new ControlFrames(this, this.#streams);
    this.#keepAlive = new KeepAlive(environment.limits, this.sender.frames, nowMs);
  }

  get output(): ByteQueue {
    return this.sender.output;
  }

  /** Nothing more will be read or begun: what `output` holds is the rest. */
  get isOver(): boolean {
    return this.#state === "over";
  }

  get settings(): PeerSettings {
    return this.#control.peer;
  }

  get streamCount(): number {
    return this.#streams.table.size;
  }

  // For whoever drives it.

  receive(bytes: Uint8Array, start: number, length: number, nowMs: number): void {
    if (this.isOver) return;
    this.nowMs = nowMs;
    this.isBlocked = this.output.length > 0;
    this.#keepAlive.heard(nowMs);
    this.#isDriven = true;
    this.#reader.read(bytes, start, length, nowMs);
    this.#streams.dispatchStarted();
    this.#isDriven = false;
    if (this.isOver) return;
    const update = this.#receiveWindow.takeUpdate();
    if (update > 0) this.sender.frames.windowUpdate(0, update);
    if (this.isBlocked && this.output.length > this.#environment.limits.maxUnsentBytes)
      this.calm("unsent_bytes");
  }

  /** Adds what waited for the output: data, and answers that were not made yet. */
  pump(): void {
    if (this.isOver) return;
    if (this.sender.waiting.size > 0) this.sender.pump();
    if (!this.#streams.hasHeld) return;
    this.#isDriven = true;
    this.#streams.dispatchHeld();
    this.#isDriven = false;
  }

  /** So many bytes of the output were taken. */
  wrote(byteCount: number, nowMs: number): void {
    this.output.consume(byteCount);
    if (this.output.length === 0) {
      this.#stuckSinceMs = undefined;
      this.guard.outputDrained();
    } else if (byteCount > 0 || this.#stuckSinceMs === undefined) this.#stuckSinceMs = nowMs;
  }

  /** Looks at what is due; a second between calls is often enough. */
  tick(nowMs: number): void {
    if (this.isOver) return;
    this.nowMs = nowMs;
    this.#checkTimeouts(nowMs);
    if (this.isOver) return;
    this.#control.shutdown.tick(nowMs);
    this.endWhenIdle();
  }

  /** Serves the requests that are there or on their way, takes no others, and is over after the last. */
  shutDown(nowMs: number): void {
    if (this.isOver) return;
    this.nowMs = nowMs;
    if (this.#state === "open") this.#control.shutdown.announce(nowMs);
    else this.#end();
    this.wantsToWrite();
  }

  /** The socket is gone, or is to go now. */
  abort(): void {
    this.#end();
    this.output.clear();
  }

  // For its parts.

  wantsToWrite(): void {
    if (!this.#isDriven) this.#driver.wantsToWrite();
  }

  /** A connection error: says so, and ends. Returns false, as whoever checks something does that fails. */
  fail(error: ErrorName, message: string): false {
    if (this.isOver) return false;
    this.#environment.observer.connectionFailed(error, message);
    this.sender.frames.goAway(this.#streams.handledId, errorCodes[error], message);
    this.#end();
    this.wantsToWrite();
    return false;
  }

  /** Ends the connection where a limit was passed; true where none was. */
  allow(limit: LimitName | undefined): boolean {
    return limit === undefined || this.calm(limit);
  }

  calm(limit: LimitName): false {
    this.#environment.observer.limitReached(limit);
    return this.fail("ENHANCE_YOUR_CALM", `too much: ${limit}`);
  }

  /** Counts a frame that brings nothing; false when that was one too many. */
  allowIdleFrame(): boolean {
    return this.allow(this.guard.idleFrame(this.nowMs));
  }

  /** After the last of the streams that were to be served. */
  endWhenIdle(): void {
    if (this.#control.shutdown.isFinal && this.#streams.table.size === 0) this.#end();
  }

  #end(): void {
    this.#state = "over";
    this.#reader.close();
    this.#streams.abortAll(errorCodes.CANCEL);
  }

  #checkTimeouts(nowMs: number): void {
    const { limits } = this.#environment;
    const isDue = (sinceMs: number | undefined, timeoutMs: number) =>
      sinceMs !== undefined && nowMs - sinceMs >= timeoutMs;
    if (this.#state !== "open") {
      if (isDue(this.#openedAtMs, limits.prefaceTimeoutMs))
        this.#timeOut("preface_timeout", "PROTOCOL_ERROR");
      return;
    }
    const { headerBlock } = this.#streams;
    if (isDue(this.#stuckSinceMs, limits.stallTimeoutMs)) {
      this.#timeOut("stall_timeout", "ENHANCE_YOUR_CALM");
      // It reads nothing, not even why.
      this.output.clear();
    } else if (isDue(this.#control.unacknowledgedSinceMs, limits.settingsTimeoutMs)) {
      this.#timeOut("settings_timeout", "SETTINGS_TIMEOUT");
    } else if (isDue(this.#reader.partialSinceMs, limits.frameTimeoutMs)) {
      this.#timeOut("frame_timeout", "ENHANCE_YOUR_CALM");
    } else if (headerBlock.streamId !== 0 && isDue(headerBlock.startedAtMs, limits.frameTimeoutMs)) {
      this.#timeOut("frame_timeout", "ENHANCE_YOUR_CALM");
    } else {
      this.#streams.resetStalled(nowMs);
      const limit = this.#keepAlive.tick(nowMs);
      if (limit !== undefined) this.#timeOut(limit, "NO_ERROR");
    }
  }

  #timeOut(limit: LimitName, error: ErrorName): void {
    this.#environment.observer.limitReached(limit);
    this.fail(error, limit);
  }

  // As the sink of its reader.

  greeted(): void {
    this.#state = "settings";
    const { limits } = this.#environment;
    this.#control.sendSettings(limits);
    const further = limits.connectionWindowBytes - defaultWindowBytes;
    if (further <= 0) return;
    this.#receiveWindow.grow(further);
    this.sender.frames.windowUpdate(0, further);
  }

  foreign(bytes: Uint8Array, start: number, length: number): void {
    const refusal = refuseForeign(bytes, start, length, this.#environment.http1Explanation);
    if (refusal === undefined) {
      this.fail("PROTOCOL_ERROR", "this is no HTTP/2 preface");
      return;
    }
    this.#environment.observer.connectionRefused(refusal.reason);
    this.output.append(refusal.answer, 0, refusal.answer.length);
    this.#end();
  }

  tooLong(length: number): void {
    this.fail("FRAME_SIZE_ERROR", `a frame of ${length} bytes is too long`);
  }

  frame(type: number, flags: number, id: number, bytes: Uint8Array, start: number, length: number): void {
    if (this.#streams.headerBlock.streamId !== 0 && type !== frameTypes.CONTINUATION) {
      this.fail("PROTOCOL_ERROR", "a header block is interrupted");
    } else if (this.#state === "settings" && (type !== frameTypes.SETTINGS || flags & frameFlags.ACK)) {
      this.fail("PROTOCOL_ERROR", "the first frame is not SETTINGS");
    } else this.#dispatch(type, flags, id, bytes, start, length);
  }

  #dispatch(type: number, flags: number, id: number, bytes: Uint8Array, start: number, length: number): void {
    switch (type) {
      case frameTypes.DATA:
        this.#data(id, flags, bytes, start, length);
        break;
      case frameTypes.HEADERS:
        this.#streams.headers(id, flags, bytes, start, length);
        break;
      case frameTypes.CONTINUATION:
        this.#streams.continuation(id, flags, bytes, start, length);
        break;
      case frameTypes.WINDOW_UPDATE:
        this.#windowUpdate(id, bytes, start, length);
        break;
      case frameTypes.RST_STREAM:
        if (length !== 4) this.fail("FRAME_SIZE_ERROR", "RST_STREAM has 4 bytes");
        else this.#streams.peerReset(id, bytes, start);
        break;
      case frameTypes.SETTINGS:
        if (this.#control.settings(id, flags, bytes, start, length)) this.#state = "open";
        break;
      case frameTypes.PING:
        this.#control.ping(id, flags, bytes, start, length);
        break;
      default:
        this.#control.other(type, id, bytes, start, length);
    }
  }

  #data(id: number, flags: number, bytes: Uint8Array, start: number, length: number): void {
    if (!this.#receiveWindow.receive(length)) {
      this.fail("FLOW_CONTROL_ERROR", "DATA beyond the window of the connection");
      return;
    }
    this.#receiveWindow.grant(length);
    this.#streams.data(id, flags, bytes, start, length);
  }

  #windowUpdate(id: number, bytes: Uint8Array, start: number, length: number): void {
    if (length !== 4) {
      this.fail("FRAME_SIZE_ERROR", "WINDOW_UPDATE has 4 bytes");
      return;
    }
    if (!this.allowIdleFrame()) return;
    const byteCount = readUint31(bytes, start);
    if (id !== 0) this.#streams.windowUpdate(id, byteCount);
    else if (byteCount === 0) this.fail("PROTOCOL_ERROR", "WINDOW_UPDATE of 0");
    else if (!this.sender.window.open(byteCount)) this.fail("FLOW_CONTROL_ERROR", "the window is too large");
  }
}
