/** Hit ratios of the entry cache beside plain caches that hold as many entries, a twentieth of the keys. */
import { runContest } from "../../../test/support/cache-contest.ts";
import {
  mixed,
  recent,
  scanPollutedZipf,
  shiftingHotSet,
  type Trace,
  zipf,
} from "../../../test/support/cache-traces.ts";
import type { Group } from "../group.ts";
import { rounded } from "../measure.ts";
import { type Bar, makeRow, type Row } from "../row.ts";

const budgetBytes = 2 ** 20;
/** Requests, as a multiple of the entries that the caches hold. */
const requestRounds = 400;

const traces: Readonly<Record<string, Trace>> = {
  "cache hits, Zipf 0.99": zipf,
  "cache hits, Zipf with scans": scanPollutedZipf,
  "cache hits, shifting hot set": shiftingHotSet,
  "cache hits, recent keys": recent,
  "cache hits, all in turn": mixed,
};

export const cacheRatiosGroup: Group = {
  name: "cache-ratios",
  title: "Hit ratio of the cache",
  cases: Object.keys(traces),
  run(bench) {
    const wanted = Object.entries(traces).filter(([name]) => bench.wants(name));
    return Promise.resolve(wanted.map(([name, trace]) => compare(name, trace)));
  },
};

function compare(name: string, trace: Trace): Row {
  const { ours, lru, lfu } = runContest(trace, budgetBytes, requestRounds, 1);
  const best = Math.max(lru, lfu);
  const points = rounded(100 * (ours - best));
  const bar: Bar =
    trace === mixed
      ? { text: "above LRU and LFU, in points", figure: points, isMet: ours > best }
      : { text: "no more than 1 point below LRU and LFU, in points", figure: points, isMet: points >= -1 };
  return makeRow(name, "%", { ours: 100 * ours, LRU: 100 * lru, LFU: 100 * lfu }, [bar]);
}
