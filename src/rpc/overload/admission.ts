/**
 * How much the node takes on: calls in flight by class, and what it refuses while it cannot keep up.
 *
 * A refusal comes before credentials are looked at and before anything is decoded, and says when to try again; only the
 * rates of tenants have to wait for the decoded request. Refused calls get UNAVAILABLE, since nothing of them was done
 * and another replica may do them; a tenant above its rate gets RESOURCE_EXHAUSTED, since another try is no help.
 *
 * Invariants:
 * 1. Who has entered leaves once.
 * 2. Of each class, no more than its limit is in flight.
 * 3. Refusals for the same reason are one object: a node that is asked too much has no time to word each anew, and the
 *    roads keep what they made of it.
 */
import { StorageError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { LoadShedder, type SheddableClass } from "./load-shedder.ts";
import { type TenantRate, TenantRates } from "./tenant-rates.ts";
import type { WorkClass } from "./work-class.ts";

export interface OverloadLimits {
  /** Calls in flight. */
  readonly maxInFlight: Readonly<Record<WorkClass, number>>;
  /** Delays of the event loop past which calls are shed; 0: never. */
  readonly maxLagMs: number;
  /** The class that is shed first comes first; one that is missing is not shed. */
  readonly shedOrder: readonly SheddableClass[];
  /** Of each tenant. */
  readonly tenantRate: TenantRate;
}

/** Why a call was refused for load. */
export type OverloadReason = "in_flight_limit" | "event_loop_lag" | "tenant_rate";

export interface AdmissionOptions {
  readonly clock: Clock;
  readonly limits: OverloadLimits;
  readonly refused: (workClass: WorkClass, reason: OverloadReason) => void;
}

/** The reasons that need no look at the request. */
type EarlyReason = Exclude<OverloadReason, "tenant_rate">;

const retryAfterMs: Readonly<Record<EarlyReason, number>> = { in_flight_limit: 100, event_loop_lag: 500 };

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #inFlight: Record<WorkClass, number> = { read: 0, write: 0, scan: 0, control: 0 };
  readonly #shedder: LoadShedder;
  readonly #rates: TenantRates;
  /** Made when first needed. */
  readonly #refusals: Record<EarlyReason, Partial<Record<WorkClass, StorageError>>> = {
    in_flight_limit: {},
    event_loop_lag: {},
  };

  constructor(options: AdmissionOptions) {
    const { shedOrder, maxLagMs, tenantRate } = options.limits;
    this.#options = options;
    this.#shedder = new LoadShedder(shedOrder, maxLagMs);
    this.#rates = new TenantRates(tenantRate);
  }

  /** By how much the event loop is late; told every tenth of a second. */
  sample(lagMs: number): void {
    this.#shedder.sample(lagMs);
  }

  get pressure(): number {
    return this.#shedder.pressure;
  }

  /** Calls, by class. */
  get inFlight(): Readonly<Record<WorkClass, number>> {
    return this.#inFlight;
  }

  /** Throws UNAVAILABLE where the call is refused. */
  enter(workClass: WorkClass): void {
    if (this.#inFlight[workClass] >= this.#options.limits.maxInFlight[workClass]) {
      throw this.#refusal(workClass, "in_flight_limit");
    }
    if (this.#shedder.refuses(workClass)) throw this.#refusal(workClass, "event_loop_lag");
    this.#inFlight[workClass]++;
  }

  leave(workClass: WorkClass): void {
    this.#inFlight[workClass]--;
  }

  get hasTenantRates(): boolean {
    return this.#rates.areLimited;
  }

  /** Counts a call's requests, one for each mention of a tenant. Throws RESOURCE_EXHAUSTED above a tenant's rate. */
  charge(tenants: Iterable<string>, workClass: WorkClass): void {
    const counts = new Map<string, number>();
    for (const tenant of tenants) counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
    const shortage = this.#rates.take(counts, this.#options.clock.monotonicMs());
    if (shortage === undefined) return;
    this.#options.refused(workClass, "tenant_rate");
    const { requestsPerSecond } = this.#options.limits.tenantRate;
    const { tenantId, waitMs } = shortage;
    throw new StorageError(
      "RESOURCE_EXHAUSTED",
      `the tenant ${JSON.stringify(tenantId)} sends more than ${requestsPerSecond} requests a second ` +
        `(limits.tenant_requests_per_second); try again in ${waitMs} ms`,
      { retryAfterMs: waitMs, isCallersFault: true },
    );
  }

  #refusal(workClass: WorkClass, reason: EarlyReason): StorageError {
    this.#options.refused(workClass, reason);
    return (this.#refusals[reason][workClass] ??= this.#word(workClass, reason));
  }

  #word(workClass: WorkClass, reason: EarlyReason): StorageError {
    const waitMs = retryAfterMs[reason];
    const limit = this.#options.limits.maxInFlight[workClass];
    const why =
      reason === "event_loop_lag"
        ? "the node cannot keep up"
        : `${limit} calls of the class ${workClass} are in flight, which is the limit`;
    const message = `${why}; try again in ${waitMs} ms, or ask another replica`;
    return new StorageError("UNAVAILABLE", message, { retryAfterMs: waitMs });
  }
}
