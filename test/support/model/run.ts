import type { Operation } from "./operation.ts";
import { operationKinds } from "./operations.ts";
import { type StoreSettings, StoreUnderTest } from "./store-under-test.ts";

/** A run that got an answer, or an error, that it must not get. */
export class RunFailure extends Error {
  /** Place of the operation at which it showed. */
  readonly index: number;

  constructor(index: number, description: string, cause: unknown) {
    super(`operation ${index}, ${description}: ${String(cause)}`, { cause });
    this.index = index;
  }
}

/** A run that takes longer stands still. */
const deadlineMs = 60_000;

/**
 * Runs the operations on a new store, opens it once more at the end, and throws a RunFailure at the first wrong
 * answer. Returns what each operation answered, as text.
 */
export async function runOperations(
  settings: StoreSettings,
  operations: readonly Operation[],
): Promise<string[]> {
  const store = await StoreUnderTest.open(settings);
  const watch = Promise.withResolvers<never>();
  let index = 0;
  const timer = setTimeout(() => watch.reject(failure("the run stands still")), deadlineMs);
  const failure = (cause: unknown) => new RunFailure(index, operations[index]?.name ?? "the end", cause);

  async function runAll(): Promise<string[]> {
    const answers: string[] = [];
    for (; index < operations.length; index++) {
      const { name, parameters } = operations[index]!;
      try {
        answers.push(JSON.stringify(await operationKinds[name]!.run(store, parameters)) ?? "");
      } catch (error) {
        await store.restartAfter(error);
      }
    }
    await store.reopen().catch((error: unknown) => store.restartAfter(error));
    await store.close();
    return answers;
  }

  try {
    return await Promise.race([
      runAll().catch((error: unknown) => Promise.reject(failure(error))),
      watch.promise,
    ]);
  } catch (error) {
    void store.engine.close().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
