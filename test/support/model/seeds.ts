/** Which seeds the model tests run: `MODEL_SEEDS=N` the first N, `MODEL_SEED=N` one. */
export const onlySeed = process.env["MODEL_SEED"];

export function chosenSeeds(defaultCount: number): number[] {
  if (onlySeed !== undefined) return [Number(onlySeed)];
  const count = Number(process.env["MODEL_SEEDS"] ?? defaultCount);
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** Operations of a run. */
export const operationCount = Number(process.env["MODEL_OPERATIONS"] ?? 700);
