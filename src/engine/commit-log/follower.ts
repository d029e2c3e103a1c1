/**
 * Reads the commit log behind its writer: every entry that is durable, in order, once, for as long as its reader likes.
 *
 * A position is a frame's place and the sequence number that comes next. The follower reads a frame only when the log
 * says that its entries are durable, so what a crash may take back is never seen; and then the frame must be there.
 * Where it is not, the segment has ended, and the frame is the first one of a later segment: of the next one of the
 * run, or, where a crash or a stop ended it, of the run after it. No mark is trusted for this. The sequence numbers
 * are: they have no gap, also from one run of the node to the next, as long as nothing was lost; and where a run lost what
 * was not synced, the next one uses numbers again that were given out: then the position is beyond the end of the
 * log, or, once that has grown, in a segment that has ended, with a number that is not the next one.
 *
 * Invariants:
 * 1. Entries are given out without a gap. Where the next one is not to be had, for a segment that is gone or bytes that
 *    are damaged, the follower says so (ABORTED) and gives out nothing more.
 * 2. It holds one buffer, as large as the largest frame that it met, and one open file.
 *
 * Segments stay only where a holder keeps them: see `FollowedLog.hold`.
 */
import { StorageError } from "../../base/errors.ts";
import type { File, FileSystem } from "../../platform/file-system.ts";
import { segmentPath } from "../data-directory.ts";
import type { FileNumber, SequenceNumber } from "../internal-key.ts";
import {
  decodeFrameHeader,
  decodeSegmentHeader,
  frameHeaderSizeBytes,
  frameKinds,
  frameMarker,
  framesOffset,
  headerOffsets,
  headerSizeBytes,
  listSegments,
} from "./format.ts";
import { type Frame, FrameCursor } from "./frame-cursor.ts";

/** Where a follower goes on. */
export interface LogPosition {
  readonly segmentNumber: FileNumber;
  /** Where a frame begins; behind a segment's last one, the frame is the first one of a later segment. */
  readonly offset: number;
  /** Of the frame's first entry. */
  readonly nextSequence: SequenceNumber;
}

/** What the follower asks of whoever writes the log. */
export interface LogProgress {
  /** The last sequence number that may be given out. */
  readonly syncedSequence: SequenceNumber;
  /** The last one that there is. */
  readonly lastSequence: SequenceNumber;
}

/** Read at a time; a larger frame is read whole. */
const chunkBytes = 256 * 1024;
/** The system is asked to read on ahead as far as this. */
const prefetchBytes = 4 * chunkBytes;

export class LogFollower {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #progress: LogProgress;
  #position: LogPosition;
  #file: File | undefined;
  #marker: Uint8Array = new Uint8Array(0);
  #frame = new FrameCursor("");
  #bytes = new Uint8Array(chunkBytes);
  /** The range of the file that `#bytes` holds. */
  #start = 0;
  #length = 0;
  #prefetchedTo = 0;

  constructor(files: FileSystem, directory: string, progress: LogProgress, position: LogPosition) {
    this.#files = files;
    this.#directory = directory;
    this.#progress = progress;
    this.#position = position;
  }

  /** Where it goes on when everything that was given out has been dealt with. */
  get position(): LogPosition {
    return this.#position;
  }

  /**
   * The next frame, before its first entry; undefined while nothing more is durable. Its slices are valid until the next
   * call. Throws ABORTED where the log cannot be followed without a gap.
   */
  next(): Frame | undefined {
    const { syncedSequence, lastSequence } = this.#progress;
    if (this.#position.nextSequence > lastSequence + 1) throw this.#lost("entries before it are gone");
    if (this.#position.nextSequence > syncedSequence) return undefined;
    if (!this.#readFrame() && !this.#enterNextSegment()) throw this.#lost("it ends there");
    const { firstSequence, entryCount, segmentNumber, endOffset } = this.#frame.header;
    if (firstSequence !== this.#position.nextSequence) {
      throw this.#lost(`it goes on with entry ${firstSequence}`);
    }
    this.#position = { segmentNumber, offset: endOffset, nextSequence: firstSequence + entryCount };
    return this.#frame;
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** Reads the frame at the position, in its segment; false where there is none. */
  #readFrame(): boolean {
    const { segmentNumber, offset } = this.#position;
    if (this.#file === undefined && !this.#open(segmentNumber)) return false;
    // The buffer may have been filled before this frame was written: then it lacks the frame.
    return this.#decode(offset, false) || this.#decode(offset, true);
  }

  /** To the first frame of a later segment; false where no later segment has any. */
  #enterNextSegment(): boolean {
    const later = listSegments(this.#files, this.#directory).filter(
      (number) => number > this.#position.segmentNumber,
    );
    return later.some((number) => {
      this.close();
      return this.#open(number) && this.#decode(framesOffset, true);
    });
  }

  /** False where the file is gone or has no header to go by. */
  #open(number: FileNumber): boolean {
    const path = segmentPath({ commitLogDirectory: this.#directory }, number);
    if (this.#files.status(path) === undefined) return false;
    const file = this.#files.open(path, "read");
    this.#file = file;
    this.#frame = new FrameCursor(path);
    this.#length = this.#prefetchedTo = 0;
    const header = new Uint8Array(headerSizeBytes);
    for (const offset of headerOffsets) {
      if (file.readAt(header, offset) < headerSizeBytes) continue;
      const decoded = decodeSegmentHeader(path, header);
      if (decoded?.number !== number) continue;
      this.#marker = frameMarker(decoded.salt);
      return true;
    }
    return false;
  }

  /** Whether a whole, good frame with entries lies at `offset`; `afresh`: whatever was read of it before. */
  #decode(offset: number, afresh: boolean): boolean {
    const { header } = this.#frame;
    if (afresh) this.#length = 0;
    if (!this.#load(offset, frameHeaderSizeBytes)) return false;
    if (!decodeFrameHeader(this.#bytes, offset - this.#start, this.#marker, offset, header)) return false;
    if (header.kind !== frameKinds.group || !this.#load(offset, header.endOffset - offset)) return false;
    const payloadStart = offset - this.#start + frameHeaderSizeBytes;
    const payload = this.#bytes.subarray(payloadStart, header.endOffset - this.#start);
    if (Bun.hash.crc32(payload) !== header.payloadCrc) return false;
    this.#frame.begin(this.#bytes, payloadStart);
    return true;
  }

  /** Brings a range of the file into the buffer; false where the file ends before it does. */
  #load(offset: number, length: number): boolean {
    if (offset >= this.#start && offset + length <= this.#start + this.#length) return true;
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(length);
    const file = this.#file!;
    this.#start = offset;
    this.#length = file.readAt(this.#bytes, offset);
    const end = offset + this.#length;
    if (end > this.#prefetchedTo) {
      file.prefetch(end, prefetchBytes);
      this.#prefetchedTo = end + prefetchBytes / 2;
    }
    return this.#length >= length;
  }

  #lost(what: string): StorageError {
    const { segmentNumber, offset, nextSequence } = this.#position;
    const path = segmentPath({ commitLogDirectory: this.#directory }, segmentNumber);
    return new StorageError(
      "ABORTED",
      `the commit log cannot be followed from entry ${nextSequence} on (${path} at byte ${offset}): ${what}`,
      { file: path, offset },
    );
  }
}
