/**
 * What the model test does to a store, as data: a run is a list of operations that was made up front from a seed.
 *
 * Each operation carries everything that it needs and is valid after any others, or none: that is what lets a
 * failing run be shortened by leaving operations out, and the same list be run under many configurations.
 */
import type { Random } from "../../../src/platform/random.ts";
import type { StoreUnderTest } from "./store-under-test.ts";

/** What a list of operations is made for. */
export interface Workload {
  readonly keyCount: number;
  readonly maxValueBytes: number;
  /** Some of the writes are records whose deletion compaction can see expire. */
  readonly hasRecords?: boolean;
  /** The machine or the process dies now and then. */
  readonly crashes?: boolean;
  /** File operations fail now and then. */
  readonly fails?: boolean;
}

/** One kind of operation: how often, with what, and what it does. `defineOperation` makes one. */
export interface OperationKind {
  /** How often it is chosen, beside the other kinds. */
  readonly weight: number;
  /** Only for workloads that have this. */
  readonly needs?: "crashes" | "fails";
  generate(random: Random, workload: Workload): unknown;
  run(store: StoreUnderTest, parameters: unknown): unknown;
}

interface OperationDefinition<Parameters> {
  readonly weight: number;
  readonly needs?: "crashes" | "fails";
  /** Plain data; all randomness is used up here. */
  generate(random: Random, workload: Workload): Parameters;
  /**
   * Does it, and compares what the store answers with its history. Returns, or resolves to, the answer where every
   * configuration must give the same one in a quiet run (`StoreUnderTest`), and otherwise nothing.
   */
  run(store: StoreUnderTest, parameters: Parameters): unknown;
}

export function defineOperation<Parameters>(definition: OperationDefinition<Parameters>): OperationKind {
  const { run, ...rest } = definition;
  return { ...rest, run: (store, parameters) => run(store, parameters as Parameters) };
}

/** One operation of a run. */
export interface Operation {
  /** A name of the table in `operations.ts`. */
  readonly name: string;
  readonly parameters: unknown;
}
