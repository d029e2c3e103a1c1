/**
 * Reads one segment from front to back and says what lies in it, judging nothing.
 *
 * What is not a frame is *damage*, up to the next frame header that is as it was written. A header's
 * `syncedThrough` proves that the bytes below it were durable once; whether damage lies below such a proof is told,
 * since that is what tells corruption from the end that a crash left. Zeros up to the end of the file are
 * preallocated space.
 */
import type { File, FileSystem } from "../../platform/file-system.ts";
import type { FileNumber, SequenceNumber } from "../internal-key.ts";
import { FileWindow } from "./file-window.ts";
import {
  align,
  decodeFrameHeader,
  decodeSegmentHeader,
  endMarkSizeBytes,
  FrameHeader,
  frameAlignmentBytes,
  frameHeaderSizeBytes,
  frameKinds,
  frameMarker,
  framesOffset,
  headerOffsets,
  headerSizeBytes,
  type SegmentHeader,
  segmentNumberOf,
} from "./format.ts";
import { FrameCursor } from "./frame-cursor.ts";

export type SegmentItem = "frame" | "end mark" | "damage" | "end";

export class SegmentReader {
  readonly path: string;
  /** As the file's name says; 0 for a file that is not called as segments are. */
  readonly number: FileNumber;
  readonly sizeBytes: number;
  /** `undefined` where neither copy is as it was written. */
  readonly header: SegmentHeader | undefined;
  /** Where a copy of the header is not as it was written. */
  readonly damagedHeaderOffsets: readonly number[];
  /** The frame or end mark that `next` found. */
  readonly frame: FrameCursor;
  /** Where the item starts that `next` found, and where the next one does. */
  offset = framesOffset;
  endOffset = framesOffset;
  /** Of a damage: whether it was synced once, and the first sequence number after it, where a frame follows. */
  damageWasSynced = false;
  sequenceAfterDamage: SequenceNumber | undefined;
  readonly #file: File;
  readonly #window: FileWindow;
  readonly #marker: Uint8Array;
  readonly #scanned = new FrameHeader();
  /** All bytes below it were synced once, as far as what was read tells. */
  provenThrough = framesOffset;

  /** Throws COMMIT_LOG_FAILED for a newer format, and the system's error where there is no such file. */
  static open(files: FileSystem, path: string): SegmentReader {
    const file = files.open(path, "read");
    try {
      return new SegmentReader(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  private constructor(file: File) {
    this.path = file.path;
    this.number = segmentNumberOf(file.path) ?? 0;
    this.#file = file;
    this.#window = new FileWindow(file);
    this.sizeBytes = this.#window.sizeBytes;
    const copies = headerOffsets.map((offset) => this.#readHeader(offset));
    this.header = copies.find((copy) => copy !== undefined);
    this.damagedHeaderOffsets = headerOffsets.filter((_, i) => copies[i] === undefined);
    this.#marker = frameMarker(this.header?.salt ?? new Uint8Array(frameAlignmentBytes));
    this.frame = new FrameCursor(file.path);
  }

  /** Whether anything was ever written after the headers. */
  get isUsed(): boolean {
    return this.contentEnd(framesOffset) > framesOffset;
  }

  /**
   * Whether the file ends too early for what lies at `offset`, where nothing good does: within a frame whose header
   * says that it was longer, or within the space that is secured for an end mark behind all frames. No crash leaves
   * that, since frames are written into space that is on the disk already.
   */
  get isCutShort(): boolean {
    if (this.sizeBytes < this.offset + endMarkSizeBytes) return true;
    const header = new FrameHeader();
    return this.#readFrameHeader(this.offset, header) && header.endOffset > this.sizeBytes;
  }

  /** Goes to the next item. A segment without a readable header has none that it could tell. */
  next(): SegmentItem {
    this.offset = this.endOffset;
    if (this.#readFrame(this.offset)) {
      this.endOffset = this.frame.header.endOffset;
      this.provenThrough = Math.max(this.provenThrough, this.frame.header.syncedThrough);
      return this.frame.header.kind === frameKinds.endMark ? "end mark" : "frame";
    }
    const following = this.#findFrameHeader(this.offset + frameAlignmentBytes);
    this.endOffset = following ?? this.contentEnd(this.offset);
    if (this.endOffset === this.offset) return "end";
    this.sequenceAfterDamage = following === undefined ? undefined : this.#scanned.firstSequence;
    this.damageWasSynced = this.#wasSynced(following);
    return "damage";
  }

  /** The offset after the last byte from `offset` on that is not zero; `offset` where all are. */
  contentEnd(offset: number): number {
    return this.#window.contentEnd(offset);
  }

  close(): void {
    this.#file.close();
  }

  #readHeader(offset: number): SegmentHeader | undefined {
    if (offset + headerSizeBytes > this.sizeBytes) return undefined;
    const start = this.#window.load(offset, headerSizeBytes);
    return decodeSegmentHeader(this.path, this.#window.bytes.subarray(start, start + headerSizeBytes));
  }

  #readFrame(offset: number): boolean {
    const { header } = this.frame;
    if (!this.#readFrameHeader(offset, header) || header.endOffset > this.sizeBytes) return false;
    const start = this.#window.load(offset, header.endOffset - offset);
    const { bytes } = this.#window;
    const payloadStart = start + frameHeaderSizeBytes;
    const payloadEnd = start + header.endOffset - offset;
    if (Bun.hash.crc32(bytes.subarray(payloadStart, payloadEnd)) !== header.payloadCrc) return false;
    this.frame.begin(bytes, payloadStart);
    return true;
  }

  #readFrameHeader(offset: number, header: FrameHeader): boolean {
    if (this.header === undefined || offset + frameHeaderSizeBytes > this.sizeBytes) return false;
    const start = this.#window.load(offset, frameHeaderSizeBytes);
    return (
      decodeFrameHeader(this.#window.bytes, start, this.#marker, offset, header) &&
      header.segmentNumber === this.header.number
    );
  }

  /** Looks for a proof in the frame headers from `next` on, which `#scanned` holds. */
  #wasSynced(next: number | undefined): boolean {
    while (this.provenThrough <= this.offset && next !== undefined) {
      this.provenThrough = Math.max(this.provenThrough, this.#scanned.syncedThrough);
      const following = this.#scanned.endOffset;
      next = this.#readFrameHeader(following, this.#scanned) ? following : this.#findFrameHeader(next + 1);
    }
    return this.provenThrough > this.offset;
  }

  /** The first frame header at or after `offset`, put into `#scanned`. */
  #findFrameHeader(offset: number): number | undefined {
    if (this.header === undefined) return undefined;
    for (let from = align(offset); ; ) {
      const found = this.#window.indexOf(this.#marker, from);
      if (found === undefined) return undefined;
      if (found === align(found) && this.#readFrameHeader(found, this.#scanned)) return found;
      from = align(found + 1);
    }
  }
}
