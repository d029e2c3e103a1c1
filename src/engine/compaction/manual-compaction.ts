/**
 * A compaction that somebody asked for: everything in a range of keys goes, level by level, into the deepest level
 * that holds any of it, and what lies there already is rid of its expired tombstones and of what is range-deleted.
 *
 * Each stage is the list of tables that a level held when the stage began, so it ends although new ones arrive.
 */
import { compareBytes } from "../../base/bytes.ts";
import type { FileNumber } from "../internal-key.ts";
import type { TableMetadata } from "../manifest/version-edit.ts";
import { type PickerInput, planFor, planInPlace } from "./picker.ts";
import { type CompactionPlan, conflicts } from "./plan.ts";

export class ManualCompaction {
  readonly #start: Uint8Array | undefined;
  readonly #end: Uint8Array | undefined;
  readonly #target: number;
  /** Tables to clean that lay in the target level at the beginning. */
  readonly #settled: ReadonlySet<FileNumber>;
  #level = -1;
  #waiting: ReadonlySet<FileNumber> = new Set();
  readonly #running = new Set<CompactionPlan>();

  /** The keys in [start, end); an undefined bound is open. */
  constructor(
    { levels, deletions }: Pick<PickerInput, "levels" | "deletions">,
    start: Uint8Array | undefined,
    end: Uint8Array | undefined,
  ) {
    this.#start = start;
    this.#end = end;
    this.#target = Math.max(
      1,
      levels.findLastIndex((tables) => this.#inRange(tables).length > 0),
    );
    this.#settled = numbersOf(
      this.#inRange(levels[this.#target]!).filter(
        (table) => table.tombstoneCount > 0 || deletions.touchesTable(table),
      ),
    );
  }

  /** `done`, a plan to run now, or `undefined` where running jobs are in the way. */
  next(input: PickerInput): CompactionPlan | "done" | undefined {
    for (;;) {
      const waiting =
        input.levels[this.#level]?.filter(({ fileNumber }) => this.#waiting.has(fileNumber)) ?? [];
      for (const table of waiting) {
        const plan =
          this.#level === this.#target
            ? planInPlace(this.#level, table, "manual")
            : planFor(input, this.#level, [table], "manual");
        if (!input.busy.some((other) => conflicts(plan, other))) return plan;
      }
      if (waiting.length > 0 || this.#running.size > 0) return undefined;
      if (this.#level === this.#target) return "done";
      this.#beginStage(input);
    }
  }

  started(plan: CompactionPlan): void {
    this.#running.add(plan);
  }

  /** Whether the plan was one of its own. */
  ended(plan: CompactionPlan): boolean {
    return this.#running.delete(plan);
  }

  #beginStage({ levels }: PickerInput): void {
    this.#level++;
    this.#waiting =
      this.#level === this.#target ? this.#settled : numbersOf(this.#inRange(levels[this.#level]!));
  }

  #inRange(tables: readonly TableMetadata[]): TableMetadata[] {
    const start = this.#start;
    const end = this.#end;
    return tables.filter(
      ({ smallestKey, largestKey }) =>
        (start === undefined || compareBytes(largestKey, start) >= 0) &&
        (end === undefined || compareBytes(smallestKey, end) < 0),
    );
  }
}

function numbersOf(tables: readonly TableMetadata[]): Set<FileNumber> {
  return new Set(tables.map(({ fileNumber }) => fileNumber));
}
