/** A conversation that another member began: one message comes, one may be answered, then the connection ends. */
import type { Timer } from "../../platform/clock.ts";
import type { Refusal } from "../wire/envelope.ts";
import type { StreamMessage } from "../wire/stream-messages.ts";
import type { StreamReader } from "../wire/stream-reader.ts";
import { type ByteSink, PendingBytes } from "./pending-bytes.ts";

export interface AcceptedSocket extends ByteSink {
  end(): void;
  terminate(): void;
}

export class AcceptedStream {
  readonly #socket: AcceptedSocket;
  readonly #deadline: Timer;
  readonly #answer: (message: StreamMessage | Refusal) => Uint8Array | undefined;
  #reader: StreamReader | undefined;
  #pending: PendingBytes | undefined;

  constructor(
    socket: AcceptedSocket,
    reader: StreamReader,
    deadline: Timer,
    answer: (message: StreamMessage | Refusal) => Uint8Array | undefined,
  ) {
    this.#socket = socket;
    this.#reader = reader;
    this.#deadline = deadline;
    this.#answer = answer;
  }

  receive(chunk: Uint8Array): void {
    const message = this.#reader?.push(chunk);
    if (message === undefined) return;
    this.#reader = undefined;
    const answer = this.#answer(message);
    if (answer === undefined) {
      this.end();
      return;
    }
    this.#pending = new PendingBytes(answer);
    this.flush();
  }

  /** Writes on what the socket had no room for. */
  flush(): void {
    if (this.#pending?.writeTo(this.#socket) !== true) return;
    this.#pending = undefined;
    this.#deadline.cancel();
    this.#socket.end();
  }

  /** Cuts it off. */
  end(): void {
    this.#reader = undefined;
    this.#deadline.cancel();
    this.#socket.terminate();
  }
}
