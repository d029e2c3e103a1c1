/** From a plan to the message that a worker gets: what to read, what to beware of, where to write. */
import { tablePath } from "../data-directory.ts";
import type { FileNumber } from "../internal-key.ts";
import type { ManifestState } from "../manifest/state.ts";
import type { TableMetadata } from "../manifest/version-edit.ts";
import { type EngineOptions, tableOptions } from "../options.ts";
import type { InputTable } from "./input-run.ts";
import type { CompactionJob } from "./job.ts";
import type { JobControl } from "./job-control.ts";
import { type LevelPolicy, totalSizeBytes } from "./level-policy.ts";
import type { OutsideTable } from "./older-records.ts";
import { type CompactionPlan, hullOf, overlappingTables, tablesOf } from "./plan.ts";

/** Tables grow when blocks are set smaller, filters finer or compression weaker than before: room for that. */
const growthAllowance = 2;

/** More tables than the plan's job can fill with `inputBytes`, as large as they may become in the output level. */
export function mostOutputCount(
  plan: CompactionPlan,
  inputBytes: number,
  levels: readonly (readonly TableMetadata[])[],
  policy: LevelPolicy,
): number {
  const bytes = growthAllowance * inputBytes;
  const belowBytes = totalSizeBytes(tablesBelow(plan, levels));
  const { outputLevel } = plan;
  return (
    2 +
    Math.ceil(bytes / policy.tableSizeBytes(outputLevel)) +
    Math.ceil(belowBytes / policy.mostOverlapBytes(outputLevel))
  );
}

export interface JobSettings {
  readonly options: EngineOptions;
  readonly policy: LevelPolicy;
  readonly control: JobControl;
  readonly nowMs: number;
}

/** As of the state in which the plan was made. */
export function jobFor(
  plan: CompactionPlan,
  { levels, rangeDeletions }: ManifestState,
  outputNumbers: readonly FileNumber[],
  { options, policy, control, nowMs }: JobSettings,
): CompactionJob {
  const input = (table: TableMetadata): InputTable => ({
    path: tablePath(options, table.fileNumber),
    sizeBytes: table.sizeBytes,
    entryCount: table.entryCount,
    largestKey: table.largestKey,
  });
  const upperRuns = plan.level === 0 ? plan.inputs.map((table) => [table]) : [plan.inputs];
  const { compaction } = options;
  return {
    kind: "compaction",
    runs: [...upperRuns, plan.overlapping].filter((run) => run.length > 0).map((run) => run.map(input)),
    below: tablesBelow(plan, levels).map(outside),
    mostOverlapBytes: policy.mostOverlapBytes(plan.outputLevel),
    older: runsWithOlderRecords(plan, levels),
    rangeDeletions,
    outputPaths: outputNumbers.map((number) => tablePath(options, number)),
    tableSizeBytes: policy.tableSizeBytes(plan.outputLevel),
    table: tableOptions(options, policy.compression(plan.outputLevel)),
    recordFormat: compaction.recordFormat,
    gcGraceMs: compaction.gcGraceMs,
    nowMs,
    control: control.shared,
    throttleBytesPerSecond: compaction.throttleBytesPerSecond,
  };
}

/**
 * Levels below the output hold older records. Level 0 does too where a table outside the plan is not wholly newer,
 * which only a rebuilt manifest brings about. All other tables hold newer ones.
 */
function runsWithOlderRecords(
  plan: CompactionPlan,
  levels: readonly (readonly TableMetadata[])[],
): OutsideTable[][] {
  const hull = hullOf(tablesOf(plan));
  const planned = new Set(tablesOf(plan));
  const newest = Math.max(...tablesOf(plan).map(({ largestSequence }) => largestSequence));
  const level0 = overlappingTables(levels[0]!, hull).filter(
    (table) => !planned.has(table) && table.smallestSequence < newest,
  );
  const deeper = levels.slice(plan.outputLevel + 1).map((tables) => overlappingTables(tables, hull));
  return [...level0.map((table) => [table]), ...deeper]
    .filter((run) => run.length > 0)
    .map((run) => run.map(outside));
}

function tablesBelow(plan: CompactionPlan, levels: readonly (readonly TableMetadata[])[]): TableMetadata[] {
  return overlappingTables(levels[plan.outputLevel + 1] ?? [], hullOf(tablesOf(plan)));
}

function outside({ smallestKey, largestKey, smallestSequence, sizeBytes }: TableMetadata): OutsideTable {
  return { smallestKey, largestKey, smallestSequence, sizeBytes };
}
