/**
 * The cache's hit ratios beside plain LRU and LFU, and its speed in operations for a second of processor time. Run by
 * hand: `bun bench/cache.ts [MiB]`.
 */
import { Slice } from "../src/base/bytes.ts";
import { EntryCache } from "../src/engine/cache/cache.ts";
import { entryKinds, type FoundEntry } from "../src/engine/internal-key.ts";
import { seededRandom } from "../src/platform/random.ts";
import { entriesWithin, runContest } from "../test/support/cache-contest.ts";
import { mixed, recent, scanPollutedZipf, shiftingHotSet, zipf } from "../test/support/cache-traces.ts";

const budgetBytes = Number(process.argv[2] ?? 64) * 2 ** 20;
const contestBudgetBytes = 2 ** 20;
const contestRounds = 400;

const percent = (ratio: number): string => (100 * ratio).toFixed(2).padStart(6);

function compareHitRatios(): void {
  console.log(`hit ratios in %, cache ${entriesWithin(contestBudgetBytes)} entries = 5 % of the keys`);
  console.log("trace                 ours     LRU     LFU   window");
  for (const trace of [zipf, scanPollutedZipf, shiftingHotSet, recent, mixed]) {
    const { ours, lru, lfu, windowShare } = runContest(trace, contestBudgetBytes, contestRounds, 1);
    console.log(
      `${trace.name.padEnd(18)} ${percent(ours)}  ${percent(lru)}  ${percent(lfu)}   ${percent(windowShare)}`,
    );
  }
}

/** 24-byte keys side by side, so that reading them costs the same whatever the order. */
const keyLength = 24;
const key = new TextEncoder().encode("tenant-1:u".padEnd(keyLength, "0"));
const value = new Slice(new Uint8Array(100).fill(0x61));
const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };
const digits = 14;

function writeKey(number: number): void {
  for (let i = 0; i < digits; i++) {
    key[keyLength - 1 - i] = 0x30 + (number % 10);
    number = Math.floor(number / 10);
  }
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function report(name: string, count: number, run: (i: number) => void): void {
  const startMs = processorMs();
  let longestMs = 0;
  const step = 1000;
  for (let i = 0; i < count; i += step) {
    const stepStartMs = performance.now();
    for (let j = i; j < i + step; j++) run(j);
    longestMs = Math.max(longestMs, performance.now() - stepStartMs);
  }
  const durationMs = processorMs() - startMs;
  console.log(
    `${name.padEnd(26)} ${String(Math.round(count / durationMs)).padStart(6)} k/s, longest 1000: ${longestMs.toFixed(1)} ms`,
  );
}

function put(number: number): void {
  writeKey(number);
  cache.put(key, keyLength, number, entryKinds.value, value);
}

function get(number: number): boolean {
  writeKey(number);
  return cache.get(key, keyLength, found);
}

compareHitRatios();
const cache = new EntryCache(budgetBytes);
const entryCount = Math.floor((budgetBytes * 0.8) / 168 / 1000) * 1000;
console.log(`\nspeed, ${budgetBytes / 2 ** 20} MiB, ${entryCount} entries of 24 + 100 bytes`);
const random = seededRandom(1);
const order = Uint32Array.from({ length: 2_000_000 }, () => random.uint32() % entryCount);
const zipfSize = { keyCount: entryCount, cachedCount: entryCount, requestCount: order.length };
// Frequent keys lie apart, as in life.
const zipfOrder = zipf(zipfSize, 2).map((rank) => (rank * 7919) % entryCount);
report("make a key", order.length, (i) => writeKey(order[i]!));
report("put, filling", entryCount, put);
const { evictions } = cache.status;
if (evictions > 0) console.log(`${evictions} evictions while filling`);
for (let round = 0; round < 3; round++) {
  report("get, hit, uniform", order.length, (i) => get(order[i]!));
  report("get, hit, Zipf", order.length, (i) => get(zipfOrder[i]!));
}
report("get, miss", order.length, (i) => get(order[i]! + 2 ** 32));
report("miss and put, full", order.length, (i) => {
  if (!get(2 * entryCount + i)) put(2 * entryCount + i);
});
report("remove", entryCount, (i) => {
  writeKey(i);
  cache.remove(key, keyLength);
});
console.log(cache.status);
