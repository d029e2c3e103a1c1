import type { Operation, Workload } from "./operation.ts";
import { generateOperations } from "./operations.ts";
import { RunFailure } from "./run.ts";
import { shrink } from "./shrink.ts";

/** How long a failing list may be shortened. */
const budgetMs = 1000 * Number(process.env["MODEL_SHRINK_SECONDS"] ?? 30);

/** A chosen operation and its place in the list that the seed gives. */
interface Placed {
  readonly place: number;
  readonly operation: Operation;
}

/** `0,3,5-7` to [0, 3, 5, 6, 7]. */
function parsePlaces(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function printPlaces(places: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const place of places) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === place - 1) run[1] = place;
    else runs.push([place, place]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** The seed's operations; only those of `MODEL_KEEP` where it is set. */
function placedOperations(seed: number, count: number, workload: Workload): Placed[] {
  const keep = process.env["MODEL_KEEP"];
  if (keep === undefined) {
    return generateOperations(seed, count, workload).map((operation, place) => ({ place, operation }));
  }
  const places = parsePlaces(keep);
  const operations = generateOperations(seed, Math.max(...places) + 1, workload);
  return places.map((place) => ({ place, operation: operations[place]! }));
}

function printOperation({ place, operation }: Placed): string {
  const parameters = JSON.stringify(operation.parameters, (_, value: unknown) =>
    typeof value === "string" && value.length > 60 ? `${value.slice(0, 20)}… (${value.length})` : value,
  );
  return `  ${place}: ${operation.name} ${parameters ?? ""}`.trimEnd();
}

/**
 * Runs the operations of a seed by `run`, which throws a RunFailure. A failing list is shortened first; the error
 * then shows what is left of it, and how to run exactly that again.
 */
export async function runSeed(
  title: string,
  seed: number,
  count: number,
  workload: Workload,
  run: (operations: readonly Operation[]) => Promise<void>,
): Promise<void> {
  const all = placedOperations(seed, count, workload);
  const attempt = async (placed: readonly Placed[]): Promise<RunFailure | undefined> => {
    try {
      await run(placed.map(({ operation }) => operation));
      return undefined;
    } catch (error) {
      if (error instanceof RunFailure) return error;
      throw error;
    }
  };
  let failure = await attempt(all);
  if (failure === undefined) return;
  const kept = await shrink(
    all.slice(0, failure.index + 1),
    async (placed) => {
      const again = await attempt(placed);
      failure = again ?? failure;
      return again !== undefined;
    },
    budgetMs,
  );
  const places = printPlaces(kept.map(({ place }) => place));
  throw new Error(
    [
      `${title}, seed ${seed}: fails with ${kept.length} of ${all.length} operations:`,
      ...kept.map(printOperation),
      `To run them again: MODEL_SEED=${seed} MODEL_KEEP=${places} bun test test/model -t '${title}'`,
      failure.message,
    ].join("\n"),
    { cause: failure.cause },
  );
}
