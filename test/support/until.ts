/** Resolves once the condition holds, which the test's own limit bounds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(1);
}
