/** Calls that took too long: counted, a line of the log each, and the last of them kept for operators. */
import type { Clock } from "../platform/clock.ts";
import type { SlowCallReport } from "../rpc/admin/sources.ts";
import type { SlowCall } from "../rpc/observer.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";

const keptCount = 100;

export class SlowCalls {
  readonly recent: SlowCallReport[] = [];
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #count;

  constructor(instruments: Instruments, logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#count = instruments.counter(
      "rpc_slow_calls_total",
      "Calls that took longer than logging.slow_call",
      ["method"],
    );
  }

  add({ method, status, durationMs, valueBytes, requestId, identity, address, subject }: SlowCall): void {
    this.#count.inc({ method });
    const { tenantId = "", keyHash = "" } = subject ?? {};
    this.#logger.warn("slow call", {
      method,
      status,
      duration_ms: Math.round(durationMs),
      value_bytes: valueBytes,
      request_id: requestId,
      caller: identity.name,
      address,
      tenant: subject?.tenantId,
      key_hash: subject?.keyHash,
      ...(this.#logger.level === "debug" ? { key: subject?.key } : {}),
    });
    const call = { method, status, durationMs, valueBytes, requestId, tenantId, keyHash };
    this.recent.push({ endedAtMs: this.#clock.nowMs(), ...call });
    if (this.recent.length > keptCount) this.recent.shift();
  }
}
