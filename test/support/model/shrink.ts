/**
 * The shortest list found, within the time, that still fails: chunks are left out as long as what remains fails,
 * in halves first, then in ever smaller pieces, down to single items.
 */
export async function shrink<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => Promise<boolean>,
  budgetMs: number,
): Promise<readonly Item[]> {
  const deadline = performance.now() + budgetMs;
  let kept = items;
  let chunkSize = Math.ceil(items.length / 2);
  while (chunkSize > 0) {
    const lengthBefore = kept.length;
    // From the end: what comes last is most likely to come after the failure.
    for (let end = kept.length; end > 0; end -= chunkSize) {
      if (performance.now() > deadline) return kept;
      const shorter = [...kept.slice(0, Math.max(0, end - chunkSize)), ...kept.slice(end)];
      if (await fails(shorter)) kept = shorter;
    }
    const isDone = chunkSize === 1 && kept.length === lengthBefore;
    if (isDone) return kept;
    chunkSize = chunkSize === 1 ? 1 : chunkSize >> 1;
  }
  return kept;
}
