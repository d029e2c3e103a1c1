/** The jobs themselves: functions over a file system, the same in a worker thread and inline. */
import { dirname } from "node:path";
import type { FileSystem } from "../../platform/file-system.ts";
import { Memtable } from "../memtable/memtable.ts";
import { TableWriter } from "../sstable/writer.ts";
import type { FlushJob, Job, JobResult } from "./protocol.ts";

export function runJob<J extends Job>(files: FileSystem, job: J): Promise<JobResult<J>> {
  return flush(files, job);
}

/** Writes the table, syncs it and its directory entry. */
async function flush(files: FileSystem, job: FlushJob): Promise<JobResult<FlushJob>> {
  const memtable = Memtable.open(job.memtable);
  const file = files.open(job.path, "create");
  try {
    const writer = new TableWriter(file, job.options, job.createdAtMs);
    const cursor = memtable.newestCursor(memtable.largestSequence);
    for (cursor.rewind(); cursor.valid; cursor.next()) {
      writer.add(cursor.key, cursor.sequence, cursor.kind, cursor.value);
    }
    const summary = await writer.finish();
    await files.syncDirectory(dirname(job.path));
    return summary;
  } finally {
    file.close();
  }
}
