import { describe, expect, test } from "bun:test";
import { TenantRates } from "../../../../src/rpc/overload/tenant-rates.ts";

/** The milliseconds to wait; 0 where the requests were taken. */
function take(rates: TenantRates, tenantId: string, count: number, nowMs: number): number {
  return rates.take(new Map([[tenantId, count]]), nowMs)?.waitMs ?? 0;
}

describe("TenantRates", () => {
  test("takes a burst at once, then what the rate allows, each tenant by itself", () => {
    const rates = new TenantRates({ requestsPerSecond: 10, burst: 3 });
    expect([1, 2, 3].map(() => take(rates, "a", 1, 0))).toEqual([0, 0, 0]);
    expect(take(rates, "a", 1, 0)).toBe(100);
    expect(take(rates, "b", 1, 0)).toBe(0);
    expect(take(rates, "a", 1, 60)).toBe(40);
    expect(take(rates, "a", 1, 100)).toBe(0);
    expect(take(rates, "a", 1, 100)).toBe(100);
  });

  test("a pause earns no more than a burst", () => {
    const rates = new TenantRates({ requestsPerSecond: 1000, burst: 2 });
    for (const wait of [0, 0, 1]) expect(take(rates, "a", 1, 0)).toBe(wait);
    for (const wait of [0, 0, 1]) expect(take(rates, "a", 1, 60_000)).toBe(wait);
  });

  test("a batch above the burst passes with a full bucket, and is paid for after", () => {
    const rates = new TenantRates({ requestsPerSecond: 10, burst: 5 });
    expect(take(rates, "a", 25, 0)).toBe(0);
    expect(take(rates, "a", 1, 0)).toBe(2100);
    expect(take(rates, "a", 1, 2100)).toBe(0);
  });

  test("what is refused costs nothing", () => {
    const rates = new TenantRates({ requestsPerSecond: 10, burst: 5 });
    expect(take(rates, "a", 3, 0)).toBe(0);
    for (let i = 0; i < 3; i++) expect(take(rates, "a", 5, 0)).toBe(300);
    expect(take(rates, "a", 2, 0)).toBe(0);
  });

  test("of several tenants, one that is short costs the others nothing", () => {
    const rates = new TenantRates({ requestsPerSecond: 10, burst: 5 });
    expect(take(rates, "b", 5, 0)).toBe(0);
    const counts = new Map([
      ["a", 5],
      ["b", 1],
    ]);
    expect(rates.take(counts, 0)).toEqual({ tenantId: "b", waitMs: 100 });
    expect(take(rates, "a", 5, 0)).toBe(0);
    expect(rates.take(counts, 500)).toBeUndefined();
  });

  test("remembers a bounded number of tenants", () => {
    const rates = new TenantRates({ requestsPerSecond: 1, burst: 1 });
    take(rates, "first", 1, 0);
    for (let i = 1; i < 10_000; i++) take(rates, `t${i}`, 1, 0);
    expect(take(rates, "first", 1, 0)).toBe(1000);
    take(rates, "one more", 1, 0);
    expect(take(rates, "first", 1, 0)).toBe(0);
    // For which the one after it had to go.
    expect(take(rates, "t1", 1, 0)).toBe(0);
    expect(take(rates, "t9999", 1, 0)).toBe(1000);
  });

  test("is off with a rate of 0", () => {
    expect(new TenantRates({ requestsPerSecond: 0, burst: 1 }).areLimited).toBe(false);
    expect(new TenantRates({ requestsPerSecond: 1, burst: 1 }).areLimited).toBe(true);
  });
});
