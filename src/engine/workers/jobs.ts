/** The jobs themselves: functions over a file system, the same in a worker thread and inline. */
import { dirname } from "node:path";
import { assert } from "../../base/errors.ts";
import { nextTurn } from "../../base/next-turn.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import { runCompaction } from "../compaction/merge.ts";
import type { EntryCursor, SequenceNumber } from "../internal-key.ts";
import { Memtable } from "../memtable/memtable.ts";
import { RangeDeletionSet } from "../range-deletion/range-deletion-set.ts";
import { surviving } from "../range-deletion/surviving-cursor.ts";
import { SortedEntries } from "../replay/sorted-entries.ts";
import { runWarm } from "../residency/warm-job.ts";
import { TableWriter } from "../sstable/writer.ts";
import type { FlushJob, FlushSource, Job, JobResult, JobResults } from "./protocol.ts";

/** A start writes tables on the main thread, where the probes want their turn. */
const entriesPerTurn = 4096;

export function runJob<J extends Job>(files: FileSystem, clock: Clock, job: J): Promise<JobResult<J>>;
export async function runJob(files: FileSystem, clock: Clock, job: Job): Promise<JobResults[Job["kind"]]> {
  if (job.kind === "warm") return runWarm(files, job);
  return job.kind === "flush" ? flush(files, job) : runCompaction(files, clock, job);
}

/** Writes the table, syncs it and its directory entry. */
async function flush(files: FileSystem, job: FlushJob): Promise<JobResult<FlushJob>> {
  const { entries, largestSequence } = openSource(job.source);
  const cursor = surviving(entries, new RangeDeletionSet(job.rangeDeletions), largestSequence);
  cursor.rewind();
  if (!cursor.valid) return undefined;
  const file = files.open(job.path, "create");
  try {
    const writer = new TableWriter(file, job.options, job.createdAtMs);
    while (addSome(writer, cursor)) await nextTurn();
    const summary = await writer.finish();
    await files.syncDirectory(dirname(job.path));
    return summary;
  } finally {
    file.close();
  }
}

/** False after the last entry. */
function addSome(writer: TableWriter, cursor: EntryCursor): boolean {
  for (let count = 0; count < entriesPerTurn && cursor.valid; count++) {
    writer.add(cursor.key, cursor.sequence, cursor.kind, cursor.value);
    cursor.next();
  }
  return cursor.valid;
}

interface OpenSource {
  /** Each key once, with its newest entry; at least one. */
  readonly entries: EntryCursor;
  readonly largestSequence: SequenceNumber;
}

function openSource(source: FlushSource): OpenSource {
  if ("entryList" in source) {
    const { entryList } = source;
    assert(entryList.entryCount > 0, "a list without entries was given to a flush");
    return { entries: new SortedEntries(entryList), largestSequence: entryList.largestSequence };
  }
  const memtable = Memtable.open(source.memtable);
  assert(memtable.entryCount > 0, "a memtable without entries was given to a flush");
  const { largestSequence } = memtable;
  return { entries: memtable.newestCursor(largestSequence), largestSequence };
}
