import { seededRandom } from "../../../src/platform/random.ts";
import { below } from "../random-operations.ts";
import { checkpoint } from "./checkpoint-operations.ts";
import { compact, pauseCompaction, resumeCompaction } from "./compaction-operations.ts";
import { failFiles } from "./failure-operations.ts";
import type { Operation, OperationKind, Workload } from "./operation.ts";
import { get, getCold, getMany, measureRange, scanCold, scanRange } from "./read-operations.ts";
import { crash, reopen } from "./restart-operations.ts";
import { openView, readView, readViewKeys } from "./view-operations.ts";
import { deleteRange, flush, settle, write, writeBatch } from "./write-operations.ts";

/** Everything that the model test does to a store. A new operation is one more line. */
export const operationKinds: Readonly<Record<string, OperationKind>> = {
  write,
  writeBatch,
  deleteRange,
  get,
  getMany,
  scanRange,
  measureRange,
  openView,
  readView,
  readViewKeys,
  checkpoint,
  flush,
  settle,
  compact,
  pauseCompaction,
  resumeCompaction,
  reopen,
  crash,
  failFiles,
  getCold,
  scanCold,
};

/** The same seed and workload give the same list. */
export function generateOperations(seed: number, count: number, workload: Workload): Operation[] {
  const random = seededRandom(seed);
  const chosen = Object.entries(operationKinds).filter(
    ([, { needs }]) => needs === undefined || workload[needs] === true,
  );
  const sum = chosen.reduce((weights, [, { weight }]) => weights + weight, 0);
  return Array.from({ length: count }, () => {
    let rest = below(random, sum);
    const [name, kind] = chosen.find(([, { weight }]) => (rest -= weight) < 0)!;
    return { name, parameters: kind.generate(random, workload) };
  });
}
