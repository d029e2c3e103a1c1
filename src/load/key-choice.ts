/** Which of a number of records comes next. A choice answers with the record's number, from 0. */
import type { Random } from "../platform/random.ts";

export type KeyDistribution = "uniform" | "zipfian" | "latest";

/** Of `recordCount` records, which may be more at each call. */
export type KeyChoice = (recordCount: number) => number;

/** YCSB's constant: the most popular of a million records gets some 7 % of all calls. */
const skew = 0.99;
/** So many terms of the sum are added up; for the rest the integral is close enough. */
const exactTerms = 100_000;

export function keyChoice(distribution: KeyDistribution, recordCount: number, random: Random): KeyChoice {
  if (distribution === "uniform") return (count) => Math.floor(fraction(random) * count);
  const rank = zipfianRank(recordCount, random);
  if (distribution === "zipfian") return rank;
  return (count) => count - 1 - Math.min(rank(), count - 1);
}

/** 0 to 1, the end excluded. */
export function fraction(random: Random): number {
  return random.uint32() / 2 ** 32;
}

/**
 * Ranks from 0, the most popular first: rank r with a weight of 1 / (r + 1)^0.99. After Gray and others, "Quickly
 * generating billion-record synthetic databases" (1994).
 */
function zipfianRank(count: number, random: Random): () => number {
  const total = zeta(count);
  const ofTwo = 1 + 0.5 ** skew;
  const alpha = 1 / (1 - skew);
  const eta = (1 - (2 / count) ** (1 - skew)) / (1 - ofTwo / total);
  return () => {
    const share = fraction(random);
    if (share * total < 1 || count === 1) return 0;
    if (share * total < ofTwo || count === 2) return 1;
    return Math.min(count - 1, Math.floor(count * (eta * share - eta + 1) ** alpha));
  };
}

/** The sum of all weights. */
function zeta(count: number): number {
  let sum = 0;
  const exact = Math.min(count, exactTerms);
  for (let rank = 1; rank <= exact; rank++) sum += 1 / rank ** skew;
  return sum + (count ** (1 - skew) - exact ** (1 - skew)) / (1 - skew);
}

/**
 * The digits of a record's key: numbers that follow each other lie far apart in key order, and no two numbers below
 * 2^32 share one.
 */
export function keyNumber(record: number): number {
  let mixed = record ^ (record >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
