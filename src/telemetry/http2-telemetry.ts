/** What happens on the gRPC port's connections, as metrics; peers that misbehave are told of at debug level. */
import type { ErrorName } from "../http2/error-codes.ts";
import type { LimitName } from "../http2/limits.ts";
import type { Http2Observer, RefusalReason } from "../http2/observer.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";

export class Http2Telemetry implements Http2Observer {
  readonly #logger: Logger;
  readonly #open;
  readonly #opened;
  readonly #refused;
  readonly #failed;
  readonly #resets;
  readonly #limits;

  constructor(instruments: Instruments, logger: Logger) {
    this.#logger = logger;
    this.#open = instruments.gauge("http2_connections", "Connections of the gRPC port");
    this.#opened = instruments.counter("http2_connections_total", "Connections that were opened");
    this.#refused = instruments.counter(
      "http2_refused_connections_total",
      "Connections that ended before they spoke HTTP/2",
      ["reason"],
    );
    this.#failed = instruments.counter(
      "http2_failed_connections_total",
      "Connections that ended because the peer broke the protocol",
      ["error"],
    );
    const resets = instruments.tally("http2_stream_resets_total", "Streams that were reset, by whom");
    this.#resets = { peer: resets.cell({ by: "peer" }), server: resets.cell({ by: "server" }) };
    this.#limits = instruments.counter("http2_limits_total", "Limits that peers went past", ["limit"]);
    this.#open.set(0);
  }

  connectionOpened(): void {
    this.#open.inc();
    this.#opened.inc();
  }

  connectionClosed(): void {
    this.#open.dec();
  }

  connectionRefused(reason: RefusalReason): void {
    this.#refused.inc({ reason });
    this.#logger.debug("connection refused", { reason });
  }

  connectionFailed(error: ErrorName, message: string): void {
    this.#failed.inc({ error });
    this.#logger.debug("connection failed", { error, reason: message });
  }

  streamReset(by: "peer" | "server"): void {
    this.#resets[by].count++;
  }

  limitReached(limit: LimitName): void {
    this.#limits.inc({ limit });
    this.#logger.debug("limit reached", { limit });
  }

  handlerFailed(error: unknown): void {
    this.#logger.error("a request failed", { error });
  }
}
