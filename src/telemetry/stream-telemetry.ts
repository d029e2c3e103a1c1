/** What happens to streams to other nodes, as metrics and log lines. */
import { messageOf } from "../base/errors.ts";
import type { SendReason, StreamObserver } from "../migration/streams/observer.ts";
import type { StreamPhase, StreamTarget } from "../migration/streams/stream-record.ts";
import type { StreamReport } from "../migration/streams/streams.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";

export class StreamTelemetry implements StreamObserver {
  readonly #logger: Logger;
  readonly #keys;
  readonly #bytes;
  readonly #failures;
  readonly #lostPlaces;
  #list: () => readonly StreamReport[] = () => [];

  constructor(instruments: Instruments, logger: Logger) {
    this.#logger = logger;
    this.#keys = instruments.counter("storage_stream_keys_total", "Keys that targets have acknowledged", [
      "reason",
    ]);
    this.#bytes = instruments.counter(
      "storage_stream_bytes_total",
      "Keys and records that targets have acknowledged",
      ["reason"],
    );
    this.#failures = instruments.counter("storage_stream_failures_total", "Tries of streams that failed");
    this.#lostPlaces = instruments.counter(
      "storage_stream_lost_places_total",
      "How often a stream lost its place in the commit log and compared anew",
    );
    instruments.gauge(
      "storage_streams",
      "Streams that go on, and those that were given up",
      (gauge) => {
        gauge.reset();
        for (const { state, isEnded } of this.#list()) {
          if (!isEnded || state === "failed") gauge.inc({ state });
        }
      },
      ["state"],
    );
    instruments.gauge(
      "storage_stream_lag_bytes",
      "Of the stream that is furthest behind in the commit log",
      (gauge) => gauge.set(Math.max(0, ...this.#list().map(({ lagBytes }) => lagBytes))),
    );
    instruments.gauge("storage_stream_lag_seconds", "How long the oldest write waits for a stream", (gauge) =>
      gauge.set(Math.max(0, ...this.#list().map(({ lagMs }) => (lagMs ?? 0) / 1000))),
    );
  }

  observe(list: () => readonly StreamReport[]): void {
    this.#list = list;
  }

  streamStarted(target: StreamTarget, rangeCount: number): void {
    this.#logger.info("a stream begins", { ...fieldsOf(target), range_count: rangeCount });
  }

  streamResumed(target: StreamTarget, phase: StreamPhase): void {
    this.#logger.info("a stream goes on after a restart", { ...fieldsOf(target), phase });
  }

  streamMoved(target: StreamTarget): void {
    this.#logger.info("a stream goes on at another address of its target", fieldsOf(target));
  }

  phaseReached(target: StreamTarget, phase: StreamPhase): void {
    this.#logger.info("a stream has come to its next phase", { ...fieldsOf(target), phase });
  }

  tryFailed(target: StreamTarget, reason: string, pauseMs: number): void {
    this.#failures.inc();
    this.#logger.debug("a try of a stream failed", {
      ...fieldsOf(target),
      reason,
      pause_ms: Math.round(pauseMs),
    });
  }

  streamFailed(target: StreamTarget, reason: string): void {
    this.#logger.warn("a stream fails; it is tried again for an hour", { ...fieldsOf(target), reason });
  }

  streamRecovered(target: StreamTarget): void {
    this.#logger.info("a stream that failed goes on", fieldsOf(target));
  }

  placeLost(target: StreamTarget, reason: string): void {
    this.#lostPlaces.inc();
    this.#logger.warn("a stream lost its place in the commit log; its target is compared anew", {
      ...fieldsOf(target),
      reason,
    });
  }

  streamEnded(target: StreamTarget, reason: string): void {
    this.#logger.info("a stream has ended", { ...fieldsOf(target), reason });
  }

  recordsSent(reason: SendReason, keyCount: number, sizeBytes: number): void {
    this.#keys.inc({ reason }, keyCount);
    this.#bytes.inc({ reason }, sizeBytes);
  }

  streamsFileDamaged(error: unknown, keptAs: string): void {
    this.#logger.error("the list of streams is damaged: start them again", {
      reason: messageOf(error),
      kept_as: keptAs,
    });
  }

  streamsNotSaved(error: unknown): void {
    this.#logger.warn("the state of streams could not be saved; they go on", { reason: messageOf(error) });
  }
}

function fieldsOf({ nodeId, host, port }: StreamTarget) {
  return { target_node_id: nodeId, target_address: `${host}:${port}` };
}
