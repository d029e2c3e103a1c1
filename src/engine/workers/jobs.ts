/** The jobs themselves: functions over a file system, the same in a worker thread and inline. */
import { dirname } from "node:path";
import { assert } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import { runCompaction } from "../compaction/merge.ts";
import { Memtable } from "../memtable/memtable.ts";
import { RangeDeletionSet } from "../range-deletion/range-deletion-set.ts";
import { surviving } from "../range-deletion/surviving-cursor.ts";
import { ReplayedMemtable } from "../replay/replayed-memtable.ts";
import { runWarm } from "../residency/warm-job.ts";
import { TableWriter } from "../sstable/writer.ts";
import type { FlushJob, Job, JobResult, JobResults } from "./protocol.ts";

export function runJob<J extends Job>(files: FileSystem, clock: Clock, job: J): Promise<JobResult<J>>;
export async function runJob(files: FileSystem, clock: Clock, job: Job): Promise<JobResults[Job["kind"]]> {
  if (job.kind === "warm") return runWarm(files, job);
  return job.kind === "flush" ? flush(files, job) : runCompaction(files, clock, job);
}

/** Writes the table, syncs it and its directory entry. */
async function flush(files: FileSystem, job: FlushJob): Promise<JobResult<FlushJob>> {
  const { source } = job;
  const memtable =
    "memtable" in source ? Memtable.open(source.memtable) : new ReplayedMemtable(source.replayed);
  assert(memtable.entryCount > 0, "a memtable without entries was given to a flush");
  const { largestSequence } = memtable;
  const entries = memtable.newestCursor(largestSequence);
  const cursor = surviving(entries, new RangeDeletionSet(job.rangeDeletions), largestSequence);
  cursor.rewind();
  if (!cursor.valid) return undefined;
  const file = files.open(job.path, "create");
  try {
    const writer = new TableWriter(file, job.options, job.createdAtMs);
    for (; cursor.valid; cursor.next()) writer.add(cursor.key, cursor.sequence, cursor.kind, cursor.value);
    const summary = await writer.finish();
    await files.syncDirectory(dirname(job.path));
    return summary;
  } finally {
    file.close();
  }
}
