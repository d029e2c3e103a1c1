/**
 * Reads segments back in order, tells a torn tail from corruption, and deals with corruption as the mode says.
 *
 * Damage is a torn tail, the unacknowledged end that a crash left behind, unless it is known to have been durable
 * once: a later frame of the segment says so by its `syncedThrough` (an end mark always does), or a later segment
 * of the same run of the node was written into, since that happens only after the segment before it was synced.
 * Nor can a crash leave a file that is shorter than what was written into it. A torn tail ends its segment.
 *
 * Corruption, then:
 * - `skip` copies the bytes aside and goes on after them;
 * - `point_in_time` gives out nothing of what follows, and sets it all aside;
 * - `strict` throws.
 *
 * Records can also be gone without a trace of bad bytes, with a segment that was removed or cut. That shows in
 * the end mark before it, which names it once its space is secured; in its size, since space follows all frames;
 * and in the sequence numbers, which have no gaps within a run of the node. A run may begin with a leap, but only
 * where nothing before it is needed any more: so in what a start reads there are none at all.
 */
import { corruption } from "../../base/errors.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import { segmentPath } from "../data-directory.ts";
import type { FileNumber, SequenceNumber } from "../internal-key.ts";
import type { Damage, TornTail } from "../observer.ts";
import type { RecoveryMode } from "../options.ts";
import { framesOffset, headerSizeBytes } from "./format.ts";
import type { Frame } from "./frame-cursor.ts";
import { SegmentReader } from "./segment-reader.ts";

export { listSegments } from "./format.ts";
export type { Frame } from "./frame-cursor.ts";

/** Progress is told about this often. */
const progressStepBytes = 1 << 20;

export interface SegmentsSource {
  readonly files: FileSystem;
  readonly directory: string;
  /** In order; `listSegments` gives them. */
  readonly numbers: readonly FileNumber[];
  /**
   * Entries below it are passed over, and it must not lie in a gap: what a start has to replay has none. 0 reads what
   * there is, with the leaps at the beginnings of runs.
   */
  readonly fromSequence: SequenceNumber;
  readonly mode: RecoveryMode;
  readonly nowMs: number;
}

export interface ReadReports {
  tornTail(tail: TornTail): void;
  damage(damage: Damage): void;
  /** Copies bytes that are about to be passed over; returns where to, or "" where they are not copied. */
  setAside(file: string, offset: number, lengthBytes: number): string;
  progress?(readBytes: number, totalBytes: number): void;
  /** A segment was read to its end, which is at `endOffset`; below `provenThrough` all was synced when it was written. */
  segmentRead?(path: string, provenThrough: number, endOffset: number): void;
}

export interface SegmentsReading extends Iterable<Frame> {
  /** The highest sequence number in the frames so far, passed-over ones too; 0 for none. */
  readonly highestSequence: SequenceNumber;
}

/**
 * The frames that hold entries from `fromSequence` on; to be iterated once. Throws CORRUPTED_DATA in mode
 * `strict`, and in every mode where a file cannot be read; COMMIT_LOG_FAILED for a segment of a newer format.
 */
export function readSegments(source: SegmentsSource, reports: ReadReports): SegmentsReading {
  return new Reading(source, reports);
}

class Reading implements SegmentsReading {
  highestSequence: SequenceNumber = 0;
  readonly #source: SegmentsSource;
  readonly #reports: ReadReports;
  /** The sequence number that must come next; `undefined` after damage that hides it. */
  #expected: SequenceNumber | undefined;
  #isAtStart = true;
  /** The segment that the last end mark named; 0 before there was one, and where a run ends. */
  #promised: FileNumber = 0;
  /** `point_in_time` has met corruption. */
  #isStopped = false;
  #totalBytes = 0;
  #doneBytes = 0;
  #toldBytes = 0;

  constructor(source: SegmentsSource, reports: ReadReports) {
    this.#source = source;
    this.#reports = reports;
  }

  *[Symbol.iterator](): Iterator<Frame> {
    const { files, numbers } = this.#source;
    for (const number of numbers) this.#totalBytes += files.status(this.#path(number))?.sizeBytes ?? 0;
    for (const [index, number] of numbers.entries()) {
      const segment = SegmentReader.open(files, this.#path(number));
      try {
        yield* this.#read(segment, index);
        this.#reports.segmentRead?.(segment.path, segment.provenThrough, segment.endOffset);
        this.#doneBytes += segment.sizeBytes;
        this.#tell(this.#doneBytes);
      } finally {
        segment.close();
      }
    }
  }

  *#read(segment: SegmentReader, index: number): Generator<Frame> {
    if (this.#isStopped) return this.#passOver(segment);
    if (!this.#enter(segment)) return;
    let isEndExplained = false;
    for (let item = segment.next(); item !== "end"; item = segment.next()) {
      if (item === "damage") {
        const wasDurable = segment.damageWasSynced || this.#isSuperseded(index) || segment.isCutShort;
        if (!wasDurable) return this.#cutTail(segment);
        this.#loseRange(segment);
      } else if (this.#follows(segment) && this.#count(segment) && item === "frame") {
        yield segment.frame;
      }
      if (this.#isStopped) return;
      if (item === "end mark") return this.#checkEnd(segment);
      isEndExplained = item === "damage";
    }
    if (isEndExplained) return;
    if (this.#isSuperseded(index)) {
      this.#loseEnd(segment, "the segment's end is missing, though a later one follows");
    } else if (this.#hadSpace(segment) && segment.isCutShort) {
      this.#loseEnd(segment, "the file was cut off here, and records may have gone with its end");
    }
  }

  /** Whether space was secured in the segment once, as far as what was read tells; a crash may cut its creation short. */
  #hadSpace(segment: SegmentReader): boolean {
    return segment.offset > framesOffset || segment.number === this.#promised;
  }

  /** Checks the header; false where the segment holds nothing that can be read. */
  #enter(segment: SegmentReader): boolean {
    const { header, damagedHeaderOffsets } = segment;
    if (damagedHeaderOffsets.length > 0 && !segment.isUsed && !this.#hadSpace(segment)) return false;
    if (header === undefined || header.number !== segment.number) {
      const what =
        header === undefined ? "both headers are damaged" : `this is segment ${header.number}, renamed`;
      this.#corrupt(segment, 0, segment.sizeBytes, `${what}; none of its records can be read`);
      this.#expectAfterDamage(undefined);
      return false;
    }
    for (const offset of damagedHeaderOffsets) {
      this.#report(segment, offset, headerSizeBytes, "one of the two headers is damaged; no record is lost");
    }
    if (header.firstSequence > 0) this.#beginRun(segment, header.firstSequence);
    return !this.#isStopped;
  }

  #beginRun(segment: SegmentReader, firstSequence: SequenceNumber): void {
    const { fromSequence } = this.#source;
    const expected = this.#isAtStart ? fromSequence : (this.#expected ?? firstSequence);
    this.#expected = firstSequence;
    this.#isAtStart = false;
    if (fromSequence > 0 && firstSequence > expected) this.#miss(segment, expected, firstSequence);
  }

  #miss(segment: SegmentReader, expected: SequenceNumber, found: SequenceNumber): void {
    const lost = `records ${expected} to ${found - 1} are missing in front of this one`;
    this.#corrupt(segment, segment.offset, 0, `${lost}: a segment was removed, or cut`);
  }

  /** Checks the sequence number of the frame or end mark; false where it must not be given out. */
  #follows(segment: SegmentReader): boolean {
    const { firstSequence } = segment.frame;
    const { fromSequence } = this.#source;
    if (this.#isAtStart && fromSequence > 0 && firstSequence > fromSequence) this.#expected = fromSequence;
    this.#isAtStart = false;
    const expected = this.#expected ?? firstSequence;
    if (firstSequence < expected) {
      const length = segment.endOffset - segment.offset;
      this.#corrupt(segment, segment.offset, length, `a frame goes back to sequence number ${firstSequence}`);
      return false;
    }
    if (firstSequence > expected) this.#miss(segment, expected, firstSequence);
    return !this.#isStopped;
  }

  /** Goes on behind the frame; false where it holds nothing that was asked for. */
  #count(segment: SegmentReader): boolean {
    const { frame } = segment;
    const { fromSequence } = this.#source;
    this.#noteHighest(segment);
    this.#expected = frame.firstSequence + frame.entryCount;
    const readBytes = this.#doneBytes + segment.endOffset;
    if (readBytes - this.#toldBytes >= progressStepBytes) this.#tell(readBytes);
    frame.startFrom(fromSequence);
    return this.#expected > fromSequence;
  }

  #noteHighest({ frame }: SegmentReader): void {
    this.highestSequence = Math.max(this.highestSequence, frame.firstSequence + frame.entryCount - 1);
  }

  #cutTail(segment: SegmentReader): void {
    const lengthBytes = segment.contentEnd(segment.offset) - segment.offset;
    this.#reports.tornTail({ file: segment.path, offset: segment.offset, lengthBytes });
  }

  #loseRange(segment: SegmentReader): void {
    const { offset, sequenceAfterDamage } = segment;
    const isAtEnd = sequenceAfterDamage === undefined;
    const endOffset = isAtEnd ? segment.sizeBytes : segment.endOffset;
    const from = this.#expected ?? "an unknown number";
    const to = isAtEnd ? "the end of the segment" : sequenceAfterDamage - 1;
    this.#corrupt(segment, offset, endOffset - offset, `the bytes of records ${from} to ${to} are damaged`);
    this.#expectAfterDamage(sequenceAfterDamage);
  }

  #loseEnd(segment: SegmentReader, what: string): void {
    this.#corrupt(segment, segment.offset, 0, what);
    this.#expectAfterDamage(undefined);
  }

  /** Damage that was reported explains the gap that it leaves. */
  #expectAfterDamage(sequence: SequenceNumber | undefined): void {
    this.#expected = sequence;
    this.#isAtStart = false;
  }

  /** The end mark names the segment that follows, so that it is missed even when it was the last one. */
  #checkEnd(segment: SegmentReader): void {
    const { nextSegment } = segment.frame;
    this.#promised = nextSegment;
    if (nextSegment > 0 && this.#source.files.status(this.#path(nextSegment)) === undefined) {
      this.#corrupt(segment, segment.offset, 0, `segment ${nextSegment} followed this one and is missing`);
      this.#expectAfterDamage(undefined);
    }
    if (this.#isStopped || segment.next() === "end") return;
    const length = segment.contentEnd(segment.offset) - segment.offset;
    this.#report(segment, segment.offset, length, "there are bytes after the end mark; no record is lost");
  }

  /** Records are lost. `point_in_time` loses the rest of the segment with them. */
  #corrupt(segment: SegmentReader, offset: number, lengthBytes: number, what: string): void {
    if (this.#source.mode !== "point_in_time") {
      this.#report(segment, offset, lengthBytes, what);
      return;
    }
    this.#isStopped = true;
    // Nothing is left behind the place where a cut file should go on.
    const restBytes = Math.max(0, segment.sizeBytes - offset);
    this.#report(segment, offset, restBytes, `${what}; reading stops here`);
    while (segment.next() !== "end") this.#noteHighest(segment);
  }

  /** A segment after the point in time. */
  #passOver(segment: SegmentReader): void {
    if (!segment.isUsed) return;
    while (segment.next() !== "end") this.#noteHighest(segment);
    this.#report(segment, 0, segment.sizeBytes, "the segment comes after damage in an earlier one");
  }

  #report(segment: SegmentReader, offset: number, lengthBytes: number, what: string): void {
    const { mode, nowMs } = this.#source;
    if (mode === "strict") {
      const advice = 'restore a backup, or set recovery.mode to "skip" to go on without what is damaged';
      throw corruption(segment.path, offset, `${what}; ${advice}`);
    }
    const kept = lengthBytes > 0 ? this.#reports.setAside(segment.path, offset, lengthBytes) : "";
    const message = kept === "" ? what : `${what}; the bytes are kept in ${kept}`;
    this.#reports.damage({ file: segment.path, offset, lengthBytes, message, foundAtMs: nowMs });
  }

  /** Whether a later segment of the same run was written into: then this one had been synced to its end. */
  #isSuperseded(index: number): boolean {
    for (const number of this.#source.numbers.slice(index + 1)) {
      const later = SegmentReader.open(this.#source.files, this.#path(number));
      try {
        if (later.header !== undefined && later.header.firstSequence > 0) return false;
        if (later.isUsed) return true;
      } finally {
        later.close();
      }
    }
    return false;
  }

  #tell(readBytes: number): void {
    this.#toldBytes = readBytes;
    this.#reports.progress?.(readBytes, this.#totalBytes);
  }

  #path(number: FileNumber): string {
    return segmentPath({ commitLogDirectory: this.#source.directory }, number);
  }
}
