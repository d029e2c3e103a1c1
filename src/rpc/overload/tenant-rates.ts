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

/** A tenant that has sent too much. */
export interface Shortage {
  readonly tenantId: string;
  readonly waitMs: number;
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
   * Takes requests out of the buckets of all these tenants, so many each. Where one has fewer, nothing is taken of
   * any, and that one is given with the milliseconds after which it has enough. More than a bucket can hold passes when
   * it is full.
   */
  take(counts: ReadonlyMap<string, number>, nowMs: number): Shortage | undefined {
    for (const [tenantId, count] of counts) {
      const waitMs = this.#waitMs(this.#bucketOf(tenantId, nowMs), count, nowMs);
      if (waitMs > 0) return { tenantId, waitMs };
    }
    for (const [tenantId, count] of counts) this.#bucketOf(tenantId, nowMs).tokens -= count;
    return undefined;
  }

  /** Fills the bucket up to now. */
  #waitMs(bucket: Bucket, count: number, nowMs: number): number {
    const { requestsPerSecond, burst } = this.#rate;
    const earned = ((nowMs - bucket.filledAtMs) / 1000) * requestsPerSecond;
    bucket.tokens = Math.min(burst, bucket.tokens + earned);
    bucket.filledAtMs = nowMs;
    const missing = Math.min(count, burst) - bucket.tokens;
    return missing > 0 ? Math.ceil((1000 * missing) / requestsPerSecond) : 0;
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
