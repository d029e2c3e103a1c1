import { agreeingOptions } from "./configurations.ts";
import type { Operation } from "./operation.ts";
import { RunFailure, runOperations } from "./run.ts";

/** Runs the operations under all of `agreeingOptions`; throws a RunFailure at the first answer that differs. */
export async function runEverywhere(seed: number, operations: readonly Operation[]): Promise<void> {
  let expected: { name: string; answers: string[] } | undefined;
  for (const [name, settings] of Object.entries(agreeingOptions)) {
    const answers = await runOperations({ ...settings, seed, isQuiet: true }, operations);
    expected ??= { name, answers };
    const differing = answers.findIndex((answer, index) => answer !== expected!.answers[index]);
    if (differing >= 0) {
      const difference = `"${name}" answers ${answers[differing]}, "${expected.name}" ${expected.answers[differing]}`;
      throw new RunFailure(differing, operations[differing]!.name, difference);
    }
  }
}
