/**
 * Gathers the message of a call whose body comes in pieces, and then runs the call.
 *
 * The first bytes say how long the message is. Room for all of it is taken then, out of one budget for all uploads,
 * and the client may send the rest without waiting; so a message is copied once, and clients that promise much hold no
 * more than the budget.
 */
import type { ConnectError } from "@connectrpc/connect";
import { copyRange } from "../../base/bytes.ts";
import { StorageError } from "../../base/errors.ts";
import type { RequestListener, ServerRequest } from "../../http2/api.ts";
import type { ByteBudget } from "../../http2/byte-budget.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { Call } from "../../rpc/call.ts";
import { checkRequestFrame, envelopePrefixBytes } from "../../rpc/envelope.ts";
import { messageTooLarge, toConnectError } from "../../rpc/errors.ts";
import { RequestMessage } from "../../rpc/message-codec.ts";
import { bodyTooSlow } from "../../rpc/read-timeout.ts";
import { type FailureReply, refuseCall, type ThinTarget, timedOut } from "../../rpc/thin-call.ts";

export interface ThinRoadSettings {
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  /** From a request's head to its last byte. */
  readonly readTimeoutMs: number;
  /** Of all uploads together. */
  readonly uploads: ByteBudget;
}

export class Upload<R extends FailureReply> implements RequestListener {
  readonly #settings: ThinRoadSettings;
  readonly #method: ThinTarget<R>;
  readonly #request: ServerRequest;
  readonly #call: Call;
  readonly #reply: R;
  readonly #startedMs: number;
  readonly #timer: Timer;
  /** The prefix alone, until it says how long the message is. */
  #body = new Uint8Array(envelopePrefixBytes);
  #length = 0;
  #reservedBytes = 0;

  constructor(
    settings: ThinRoadSettings,
    method: ThinTarget<R>,
    request: ServerRequest,
    call: Call,
    reply: R,
  ) {
    this.#settings = settings;
    this.#method = method;
    this.#request = request;
    this.#call = call;
    this.#reply = reply;
    const { clock, readTimeoutMs } = settings;
    const { timeoutMs } = call.request;
    this.#startedMs = clock.monotonicMs();
    const isDeadlineFirst = timeoutMs !== undefined && timeoutMs < readTimeoutMs;
    this.#timer = clock.after(isDeadlineFirst ? timeoutMs : readTimeoutMs, () =>
      this.#refuse(isDeadlineFirst ? timedOut() : bodyTooSlow(readTimeoutMs)),
    );
  }

  data(bytes: Uint8Array, start: number, length: number): void {
    if (this.#call.hasEnded) return;
    let position = start;
    let rest = length;
    if (this.#reservedBytes === 0) {
      const taken = Math.min(rest, envelopePrefixBytes - this.#length);
      this.#take(bytes, position, taken);
      position += taken;
      rest -= taken;
      if (this.#length < envelopePrefixBytes) return;
      if (!this.#reserve()) return;
    }
    // What is over is kept to the extent that shows it: one byte too many.
    this.#take(bytes, position, Math.min(rest, this.#body.length - this.#length));
  }

  end(): void {
    if (this.#call.hasEnded) return;
    this.#timer.cancel();
    const { clock, maxMessageBytes } = this.#settings;
    try {
      checkRequestFrame(this.#body, 0, this.#length, maxMessageBytes, this.#method.kind);
    } catch (refusal) {
      this.#refuse(refusal as ConnectError);
      return;
    }
    const message = new RequestMessage(this.#body, envelopePrefixBytes, this.#length - envelopePrefixBytes);
    message.isOwn = true;
    const { timeoutMs } = this.#call.request;
    const elapsedMs = clock.monotonicMs() - this.#startedMs;
    this.#giveBack();
    this.#method.run(
      this.#call,
      message,
      timeoutMs === undefined ? undefined : timeoutMs - elapsedMs,
      this.#reply,
    );
  }

  aborted(): void {
    this.#timer.cancel();
    this.#giveBack();
    this.#call.end(undefined);
  }

  /** Takes room for the whole message and one byte that it must not have; false where the call was refused. */
  #reserve(): boolean {
    const { maxMessageBytes, uploads } = this.#settings;
    const messageBytes = new DataView(this.#body.buffer).getUint32(1);
    if (messageBytes > maxMessageBytes) {
      this.#refuse(messageTooLarge(messageBytes, maxMessageBytes));
      return false;
    }
    const wantedBytes = envelopePrefixBytes + messageBytes + 1;
    if (!uploads.take(wantedBytes)) {
      this.#refuse(tooManyUploads());
      return false;
    }
    this.#reservedBytes = wantedBytes;
    const body = new Uint8Array(wantedBytes);
    body.set(this.#body);
    this.#body = body;
    this.#request.grant(wantedBytes);
    return true;
  }

  #take(bytes: Uint8Array, start: number, length: number): void {
    copyRange(bytes, start, length, this.#body, this.#length);
    this.#length += length;
  }

  #giveBack(): void {
    this.#settings.uploads.giveBack(this.#reservedBytes);
    this.#reservedBytes = 0;
  }

  #refuse(refusal: ConnectError): void {
    this.#timer.cancel();
    this.#giveBack();
    refuseCall(this.#call, refusal, this.#reply);
  }
}

function tooManyUploads(): ConnectError {
  const error = new StorageError(
    "RESOURCE_EXHAUSTED",
    "too many large messages are on their way to this node; try again",
  );
  return toConnectError(error, "");
}
