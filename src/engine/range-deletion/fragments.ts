/**
 * Range deletions cut at each other's bounds: sorted and disjoint, each fragment with the sequence number of the
 * newest deletion that covers it.
 */
import { compareBytes } from "../../base/bytes.ts";
import { type DatedTable, isBeforeEnd, mayHoldCovered, type RangeDeletion } from "./range-deletion.ts";

export function fragmentsOf(deletions: readonly RangeDeletion[]): readonly RangeDeletion[] {
  const fragments: RangeDeletion[] = [];
  for (const deletion of deletions.toSorted((a, b) => a.sequence - b.sequence)) lay(fragments, deletion);
  return fragments;
}

/**
 * The deletions that are still needed over these tables: those with a fragment under which a table may hold something
 * that it covers. All memtables with older entries must have been flushed.
 */
export function neededDeletions(
  deletions: readonly RangeDeletion[],
  levels: readonly (readonly DatedTable[])[],
): readonly RangeDeletion[] {
  const needed = new Set(
    fragmentsOf(deletions)
      .filter((fragment) => levels.some((tables) => tables.some((table) => mayHoldCovered(table, fragment))))
      .map(({ sequence }) => sequence),
  );
  return needed.size === deletions.length
    ? deletions
    : deletions.filter(({ sequence }) => needed.has(sequence));
}

/** Index of the first fragment that ends after `key`. */
export function firstEndingAfter(fragments: readonly RangeDeletion[], key: Uint8Array): number {
  let low = 0;
  let high = fragments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBeforeEnd(key, fragments[middle]!.end)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The newest deletion takes the place of what it covers of the others. */
function lay(fragments: RangeDeletion[], newest: RangeDeletion): void {
  const { start, end } = newest;
  const from = firstEndingAfter(fragments, start);
  let to = from;
  while (to < fragments.length && isBeforeEnd(fragments[to]!.start, end)) to++;
  const parts = [newest];
  const first = fragments[from];
  const last = fragments[to - 1];
  if (to > from && compareBytes(first!.start, start) < 0) parts.unshift({ ...first!, end: start });
  if (to > from && end !== undefined && isBeforeEnd(end, last!.end)) parts.push({ ...last!, start: end });
  fragments.splice(from, to - from, ...parts);
}
