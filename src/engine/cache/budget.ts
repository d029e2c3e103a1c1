/** How a budget of bytes is divided between segments of entries, the index and what the policy remembers. */
import { indexPageBytes } from "./hash-index.ts";
import { maxSlabBytes, minSegmentBytes, minSegmentCount } from "./slab.ts";

export interface CacheBudget {
  readonly segmentLimit: number;
  readonly indexBytes: number;
  /** A power of two. */
  readonly sketchBytes: number;
  /** A power of two. */
  readonly ghostBytes: number;
  /** What the entries may take together; the rest of their segments is for holes. */
  readonly capacityBytes: number;
}

export const maxCacheBytes = maxSlabBytes;
/** Below this a cache holds nothing. */
export const minBudgetBytes = 32_768;

/** A segment is cleaned in one go: about 2 ms for this much in small entries. */
const maxSegmentBytes = 1 << 20;
const segmentsPerBudget = 64;
const indexShare = 1 / 32;
const sketchShare = 1 / 64;
const ghostShare = 1 / 32;
const fillShare = 0.9;
/** The anchors of the lists. */
const fixedBytes = 256;

/** For a cache that will never be larger than this; a power of two. */
export function segmentSizeBytes(largestBudgetBytes: number): number {
  const sizeBytes = powerOfTwoUpTo(largestBudgetBytes / segmentsPerBudget);
  return Math.min(maxSegmentBytes, Math.max(minSegmentBytes, sizeBytes));
}

/** Undefined where the budget is too small for a cache of such segments. */
export function divideBudget(budgetBytes: number, segmentBytes: number): CacheBudget | undefined {
  if (budgetBytes < minBudgetBytes) return undefined;
  const sketchBytes = powerOfTwoUpTo(budgetBytes * sketchShare);
  const ghostBytes = powerOfTwoUpTo(budgetBytes * ghostShare);
  const indexBytes = Math.max(1, Math.floor((budgetBytes * indexShare) / indexPageBytes)) * indexPageBytes;
  const entryBytes = budgetBytes - sketchBytes - ghostBytes - indexBytes - fixedBytes;
  const segmentLimit = Math.floor(entryBytes / segmentBytes);
  if (segmentLimit < minSegmentCount) return undefined;
  const capacityBytes = (segmentLimit - 1) * segmentBytes * fillShare;
  return { segmentLimit, indexBytes, sketchBytes, ghostBytes, capacityBytes };
}

function powerOfTwoUpTo(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}
