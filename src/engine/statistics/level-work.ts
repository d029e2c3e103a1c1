/** What flushes and compactions did for one level: those that wrote to it. */
import type { FinishedCompaction } from "../observer.ts";

export interface LevelWork {
  /** Flushes, for level 0; merges, for the others. */
  jobCount: number;
  failureCount: number;
  moveCount: number;
  movedBytes: number;
  /** Bytes that came from the level above, or from memtables; not those that moved. */
  incomingBytes: number;
  /** Bytes of the level's own tables that were read to be written anew. */
  rereadBytes: number;
  writtenBytes: number;
  readTableCount: number;
  writtenTableCount: number;
  readEntryCount: number;
  writtenEntryCount: number;
  durationMs: number;
}

export function noWork(): LevelWork {
  return {
    jobCount: 0,
    failureCount: 0,
    moveCount: 0,
    movedBytes: 0,
    incomingBytes: 0,
    rereadBytes: 0,
    writtenBytes: 0,
    readTableCount: 0,
    writtenTableCount: 0,
    readEntryCount: 0,
    writtenEntryCount: 0,
    durationMs: 0,
  };
}

export function addFlush(work: LevelWork, entryCount: number, sizeBytes: number, durationMs: number): void {
  work.jobCount++;
  work.incomingBytes += sizeBytes;
  work.writtenBytes += sizeBytes;
  work.writtenTableCount += sizeBytes === 0 ? 0 : 1;
  work.readEntryCount += entryCount;
  work.writtenEntryCount += entryCount;
  work.durationMs += durationMs;
}

export function addCompaction(work: LevelWork, job: FinishedCompaction): void {
  if (job.kind === "drop") return;
  if (job.kind === "move") {
    work.moveCount++;
    work.movedBytes += job.inputBytes;
    return;
  }
  const isInPlace = job.level === job.outputLevel;
  work.jobCount++;
  work.incomingBytes += isInPlace ? 0 : job.inputBytes;
  work.rereadBytes += isInPlace ? job.inputBytes : job.overlappingBytes;
  work.writtenBytes += job.writtenBytes;
  work.readTableCount += job.inputTableCount + job.overlappingTableCount;
  work.writtenTableCount += job.outputTableCount;
  work.readEntryCount += job.readEntryCount;
  work.writtenEntryCount += job.writtenEntryCount;
  work.durationMs += job.durationMs;
}

/** Bytes written to the level for each one that came to it; undefined while none came. */
export function levelWriteAmplification({ incomingBytes, writtenBytes }: LevelWork): number | undefined {
  return incomingBytes === 0 ? undefined : writtenBytes / incomingBytes;
}
