import { describe, expect, test } from "bun:test";
import { TenantRates } from "../../../../src/rpc/overload/tenant-rates.ts";

describe("TenantRates", () => {
  test("takes a burst at once, then what the rate allows, each tenant by itself", () => {
    const rates = new TenantRates({ requestsPerSecond: 10, burst: 3 });
    expect([1, 2, 3].map(() => rates.take("a", 1, 0))).toEqual([0, 0, 0]);
    expect(rates.take("a", 1, 0)).toBe(100);
    expect(rates.take("b", 1, 0)).toBe(0);
    expect(rates.take("a", 1, 60)).toBe(40);
    expect(rates.take("a", 1, 100)).toBe(0);
    expect(rates.take("a", 1, 100)).toBe(100);
  });

  test("a pause earns no more than a burst", () => {
    const rates = new TenantRates({ requestsPerSecond: 1000, burst: 2 });
    for (const wait of [0, 0, 1]) expect(rates.take("a", 1, 0)).toBe(wait);
    for (const wait of [0, 0, 1]) expect(rates.take("a", 1, 60_000)).toBe(wait);
  });

  test("a batch above the burst passes with a full bucket, and is paid for after", () => {
    const rates = new TenantRates({ requestsPerSecond: 10, burst: 5 });
    expect(rates.take("a", 25, 0)).toBe(0);
    expect(rates.take("a", 1, 0)).toBe(2100);
    expect(rates.take("a", 1, 2100)).toBe(0);
  });

  test("what is refused costs nothing", () => {
    const rates = new TenantRates({ requestsPerSecond: 10, burst: 5 });
    expect(rates.take("a", 3, 0)).toBe(0);
    for (let i = 0; i < 3; i++) expect(rates.take("a", 5, 0)).toBe(300);
    expect(rates.take("a", 2, 0)).toBe(0);
  });

  test("remembers a bounded number of tenants", () => {
    const rates = new TenantRates({ requestsPerSecond: 1, burst: 1 });
    rates.take("first", 1, 0);
    for (let i = 1; i < 10_000; i++) rates.take(`t${i}`, 1, 0);
    expect(rates.take("first", 1, 0)).toBe(1000);
    rates.take("one more", 1, 0);
    expect(rates.take("first", 1, 0)).toBe(0);
    // For which the one after it had to go.
    expect(rates.take("t1", 1, 0)).toBe(0);
    expect(rates.take("t9999", 1, 0)).toBe(1000);
  });

  test("is off with a rate of 0", () => {
    expect(new TenantRates({ requestsPerSecond: 0, burst: 1 }).areLimited).toBe(false);
    expect(new TenantRates({ requestsPerSecond: 1, burst: 1 }).areLimited).toBe(true);
  });
});
