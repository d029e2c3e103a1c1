/** The value below which a share of what was counted in buckets lies, taken for evenly spread inside of each. */
export function percentile(
  bounds: readonly number[],
  counts: readonly number[],
  share: number,
): number | undefined {
  const wanted = share * counts.reduce((sum, count) => sum + count, 0);
  if (wanted === 0) return undefined;
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const lower = bounds[bucket - 1] ?? 0;
      // The last bucket has no end: its values are at least the last bound.
      const upper = bounds[bucket] ?? lower;
      return lower + ((wanted - below) / count) * (upper - lower);
    }
    below += count;
  }
  return bounds.at(-1);
}
