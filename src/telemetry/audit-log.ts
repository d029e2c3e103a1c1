/**
 * The audit lines of the node's log, marked by `audit: true`: every admin call, and every call that was refused.
 *
 * Of the same refusal again and again, one line is written in ten seconds; it tells how many there were since the last
 * one. So nobody fills a disk by calling with bad credentials.
 */
import type { Clock } from "../platform/clock.ts";
import type { AdminCall, RefusedAccess } from "../rpc/observer.ts";
import type { Logger } from "./logger.ts";

const quietMs = 10_000;
/** Of more different refusals in ten seconds than this, one line tells the number. */
const mostKinds = 256;
const manyKinds = "";

interface Repeated {
  readonly sinceMs: number;
  count: number;
}

export class AuditLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #refusals = new Map<string, Repeated>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  adminCall({ method, identity, address, requestId, status }: AdminCall): void {
    const caller = { caller: identity.name, caller_kind: identity.kind, address };
    this.#logger.info("admin call", { audit: true, method, ...caller, request_id: requestId, status });
  }

  accessRefused({ method, identity, address, reason }: RefusedAccess): void {
    const key = JSON.stringify([method, identity?.name, address, reason]);
    const nowMs = this.#clock.monotonicMs();
    if (!this.#refusals.has(key) && this.#isFull(nowMs)) {
      const repeats = this.#repeats(manyKinds, nowMs);
      if (repeats !== undefined)
        this.#logger.warn("calls refused for many reasons", { audit: true, repeats });
      return;
    }
    const repeats = this.#repeats(key, nowMs);
    if (repeats === undefined) return;
    const caller = { caller: identity?.name, caller_kind: identity?.kind, address };
    this.#logger.warn("call refused", { audit: true, method, reason, ...caller, repeats });
  }

  /** How often it happened since the last line; undefined: that was not long ago. */
  #repeats(key: string, nowMs: number): number | undefined {
    const earlier = this.#refusals.get(key);
    if (earlier !== undefined && nowMs - earlier.sinceMs < quietMs) {
      earlier.count++;
      return undefined;
    }
    this.#refusals.set(key, { sinceMs: nowMs, count: 0 });
    return earlier?.count ?? 0;
  }

  /** Forgets the kinds that are over where that makes room. */
  #isFull(nowMs: number): boolean {
    if (this.#refusals.size < mostKinds) return false;
    for (const [key, { sinceMs }] of this.#refusals)
      if (nowMs - sinceMs >= quietMs) this.#refusals.delete(key);
    return this.#refusals.size >= mostKinds;
  }
}
