/**
 * How many requests a second each tenant may send: a token bucket for each, full at first.
 *
 * Only so many tenants are remembered; past that the one is forgotten that was seen first, which at worst fills its
 * bucket again.
 */
export interface TenantRate {
  /** 0: no limit. */
  readonly requestsPerSecond: number;
  /** Requests that may come at once after a pause. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

const rememberedTenants = 10_000;

export class TenantRates {
  readonly #rate: TenantRate;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: TenantRate) {
    this.#rate = rate;
  }

  get areLimited(): boolean {
    return this.#rate.requestsPerSecond > 0;
  }

  /**
   * Takes so many requests out of the tenant's bucket. Where it has fewer, none is taken, and the milliseconds are given
   * after which it has enough; else 0. More than a bucket can hold passes when it is full.
   */
  take(tenantId: string, count: number, nowMs: number): number {
    const { requestsPerSecond, burst } = this.#rate;
    const bucket = this.#bucketOf(tenantId, nowMs);
    const earned = ((nowMs - bucket.filledAtMs) / 1000) * requestsPerSecond;
    bucket.tokens = Math.min(burst, bucket.tokens + earned);
    bucket.filledAtMs = nowMs;
    const missing = Math.min(count, burst) - bucket.tokens;
    if (missing > 0) return Math.ceil((1000 * missing) / requestsPerSecond);
    bucket.tokens -= count;
    return 0;
  }

  #bucketOf(tenantId: string, nowMs: number): Bucket {
    const known = this.#buckets.get(tenantId);
    if (known !== undefined) return known;
    if (this.#buckets.size === rememberedTenants) {
      for (const first of this.#buckets.keys()) {
        this.#buckets.delete(first);
        break;
      }
    }
    const bucket = { tokens: this.#rate.burst, filledAtMs: nowMs };
    this.#buckets.set(tenantId, bucket);
    return bucket;
  }
}
