/**
 * Makes sure that what a start has read from the commit log is on the disk: that bytes could be read does not mean that.
 *
 * A sync alone would not do. After one that failed the system may take pages for written that it could not write, and
 * the next sync then succeeds without them. So what no later frame says to have been synced is written again, in its
 * place, and then synced. The bytes are the same: a crash in the middle leaves what was there before.
 *
 * Such a page may also have left memory since it was replayed; then what the disk has, which is older, is read and
 * written. So between writing and sync every frame is checked. The check sees what was written, unless the system could
 * not write it, which the sync tells; and in the place of a frame a segment has never had another good one.
 */
import { corruption } from "../../base/errors.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import { logFailure } from "../commit-log/group-commit.ts";
import { SegmentReader } from "../commit-log/segment-reader.ts";

const chunkBytes = 1 << 20;

/** Bytes of a segment, from the beginning of a frame to the end of one, that may be in memory only. */
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

async function rewrite(files: FileSystem, range: UnprovenRange): Promise<void> {
  const { path, offset, endOffset } = range;
  const file = files.open(path, "write");
  try {
    const chunk = new Uint8Array(Math.min(chunkBytes, endOffset - offset));
    for (let at = offset; at < endOffset; at += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, endOffset - at));
      const count = file.readAt(part, at);
      file.writeAt(part.subarray(0, count), at);
    }
    checkFrames(files, range);
    await file.sync();
  } finally {
    file.close();
  }
}

/** Throws where frames that were replayed are not there any more. */
function checkFrames(files: FileSystem, { path, offset, endOffset }: UnprovenRange): void {
  const segment = SegmentReader.open(files, path);
  try {
    segment.endOffset = offset;
    while (segment.endOffset < endOffset) {
      const item = segment.next();
      if (item === "frame" || item === "end mark") continue;
      throw corruption(path, segment.offset, "a frame that was replayed has gone from the disk");
    }
  } finally {
    segment.close();
  }
}
