/**
 * Named holders of the commit log: whoever still has to read segments whose records are flushed already, such as
 * a live stream or a backup archive. Pure bookkeeping; the manifest stores the positions.
 *
 * Invariants:
 * 1. A holder keeps its segment and all later ones; its position only moves forward.
 * 2. What holders keep back in all stays within a bound: the one furthest behind is dropped first, and told so.
 *    A slow reader must not fill the disk.
 */
import { StorageError } from "../../base/errors.ts";
import type { FileNumber } from "../internal-key.ts";
import type { HolderPosition } from "../manifest/version-edit.ts";

/** What the bound is checked against: a segment on disk. */
export interface SegmentSize {
  readonly number: FileNumber;
  readonly sizeBytes: number;
}

export class Holders {
  readonly #positions = new Map<string, FileNumber>();

  /** `stored`: what `positions` gave before. */
  constructor(stored: Iterable<HolderPosition> = []) {
    for (const { name, segmentNumber } of stored) this.#positions.set(name, segmentNumber);
  }

  /**
   * Keeps `segmentNumber` and all later segments for `name`: a new holder, or an old one that has read on.
   * A step back is INVALID_ARGUMENT, since what lies there may be gone.
   */
  hold(name: string, segmentNumber: FileNumber): void {
    const position = this.#positions.get(name);
    if (position !== undefined && segmentNumber < position) {
      throw new StorageError(
        "INVALID_ARGUMENT",
        `holder ${name} is at segment ${position} and cannot go back to ${segmentNumber}`,
      );
    }
    this.#positions.set(name, segmentNumber);
  }

  /** Whether there was such a holder. */
  release(name: string): boolean {
    return this.#positions.delete(name);
  }

  positionOf(name: string): FileNumber | undefined {
    return this.#positions.get(name);
  }

  /** All holders, furthest behind first, for the manifest. */
  positions(): HolderPosition[] {
    return [...this.#positions]
      .map(([name, segmentNumber]) => ({ name, segmentNumber }))
      .sort((a, b) => a.segmentNumber - b.segmentNumber || (a.name < b.name ? -1 : 1));
  }

  /** Segments below this number may go, when the records of those below `flushedSegment` are all in tables. */
  removableBelow(flushedSegment: FileNumber): FileNumber {
    return Math.min(flushedSegment, ...this.#positions.values());
  }

  /**
   * Drops holders, furthest behind first, until what the others keep back of the flushed `segments` is at most
   * `maxRetainedBytes`. Returns the dropped ones, for the observer and the manifest.
   */
  dropBeyond(
    maxRetainedBytes: number,
    flushedSegment: FileNumber,
    segments: readonly SegmentSize[],
  ): HolderPosition[] {
    const dropped: HolderPosition[] = [];
    for (const holder of this.positions()) {
      if (this.#retainedBytes(flushedSegment, segments) <= maxRetainedBytes) break;
      this.#positions.delete(holder.name);
      dropped.push(holder);
    }
    return dropped;
  }

  #retainedBytes(flushedSegment: FileNumber, segments: readonly SegmentSize[]): number {
    const from = this.removableBelow(flushedSegment);
    return segments
      .filter(({ number }) => number >= from && number < flushedSegment)
      .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
}
