/**
 * Makes sure that what a start has read from the commit log is on the disk: that bytes could be read does not mean that.
 *
 * A sync alone would not do. After one that failed the system may take pages for written that it could not write, and
 * the next sync then succeeds without them. So what no later frame says to have been synced is written again, in its
 * place, and then synced. The bytes are the same: a crash in the middle leaves what was there before.
 */
import type { FileSystem } from "../../platform/file-system.ts";
import { logFailure } from "../commit-log/group-commit.ts";

const chunkBytes = 1 << 20;

/** Bytes of a segment that may be in memory only. */
export interface UnprovenRange {
  readonly path: string;
  readonly offset: number;
  readonly endOffset: number;
}

/** Rejects with COMMIT_LOG_FAILED; then nothing may rest on the ranges. */
export async function makeDurableAgain(files: FileSystem, ranges: readonly UnprovenRange[]): Promise<void> {
  for (const range of ranges) {
    try {
      await rewrite(files, range);
    } catch (error) {
      throw logFailure("write again", range.path, error);
    }
  }
}

async function rewrite(files: FileSystem, { path, offset, endOffset }: UnprovenRange): Promise<void> {
  const file = files.open(path, "write");
  try {
    const chunk = new Uint8Array(Math.min(chunkBytes, endOffset - offset));
    for (let at = offset; at < endOffset; at += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, endOffset - at));
      const count = file.readAt(part, at);
      file.writeAt(part.subarray(0, count), at);
    }
    await file.sync();
  } finally {
    file.close();
  }
}
