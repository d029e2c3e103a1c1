/** A conversation of ours: dial, send one message, read one. It tells once how it ended. */
import { messageOf } from "../../base/errors.ts";
import { hostOf } from "../../base/ip-address.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { type Conversation, type Ending, noAnswer, refusalTexts } from "../environment.ts";
import { PendingBytes } from "./pending-bytes.ts";

export class DialledStream {
  readonly #conversation: Conversation;
  readonly #pending: PendingBytes;
  readonly #deadline: Timer;
  readonly #closed: () => void;
  #socket: Bun.Socket<undefined> | undefined;
  #hasEnded = false;

  /** `closed` is called when it has ended, before the conversation is told. */
  constructor(conversation: Conversation, clock: Clock, closed: () => void) {
    this.#conversation = conversation;
    this.#pending = new PendingBytes(conversation.request);
    this.#closed = closed;
    this.#deadline = clock.after(conversation.timeoutMs, () => this.#fail("it does not answer in time"));
  }

  dial(): void {
    const { to } = this.#conversation;
    Bun.connect<undefined>({
      hostname: hostOf(to.address),
      port: to.port,
      socket: {
        open: (socket) => this.#begin(socket),
        drain: (socket) => void this.#pending.writeTo(socket),
        data: (_, chunk) => this.#receive(chunk),
        close: () => this.#fail(noAnswer),
        error: (_, error) => this.#fail(messageOf(error)),
        connectError: (_, error) => this.#fail(messageOf(error)),
      },
    }).catch((error: unknown) => this.#fail(messageOf(error)));
  }

  /** Cuts it off. */
  end(): void {
    this.#fail("this member stops");
  }

  #begin(socket: Bun.Socket<undefined>): void {
    if (this.#hasEnded) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    this.#pending.writeTo(socket);
  }

  #receive(chunk: Uint8Array): void {
    const answer = this.#conversation.reader.push(chunk);
    if (answer === undefined) return;
    this.#end(typeof answer === "string" ? { kind: "failure", reason: refusalTexts[answer] } : answer);
  }

  #fail(reason: string): void {
    this.#end({ kind: "failure", reason });
  }

  #end(ending: Ending): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#deadline.cancel();
    this.#socket?.end();
    this.#closed();
    this.#conversation.ended(ending);
  }
}
