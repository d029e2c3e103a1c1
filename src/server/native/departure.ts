/** The client of a request that leaves, as those see it who take an AbortSignal. */
import { errorCodes } from "../../http2/error-codes.ts";

export class Departure {
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** `code`: what the request ended with. */
  readonly happened = (code: number): void => {
    const reason = code === errorCodes.CANCEL ? "the caller cancelled" : "the caller went away";
    this.#controller.abort(new DOMException(reason, "AbortError"));
  };
}
