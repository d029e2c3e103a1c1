/**
 * Collects entries into frames, in memory, byte for byte as they will stand in the segment.
 *
 * Entries go straight into one growing buffer, frame behind frame, so that a group is written with a single call
 * and an append allocates nothing.
 *
 * Invariants:
 * 1. The buffer's first byte will be written at `baseOffset`, a multiple of 8.
 * 2. The bytes in front of `#frameStart` are closed frames. An open frame has at least one entry.
 * 3. A frame's payload is at most `frameSizeBytes`, unless one entry or one batch alone is larger.
 */
import { copyRange, emptyBytes } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import { writeUint64 } from "../../base/integers.ts";
import { writeVarint } from "../../base/varint.ts";
import type { FileNumber, SequenceNumber } from "../internal-key.ts";
import {
  align,
  encodeFrameHeader,
  endMarkSizeBytes,
  entryLength,
  FrameHeader,
  frameHeaderSizeBytes,
  frameKinds,
  framesOffset,
  type LogEntryKind,
} from "./format.ts";

const initialCapacityBytes = 64 * 1024;

/** What stands in the header of every frame that is closed now. */
export interface FrameStamp {
  readonly syncedThrough: number;
  readonly commitTimeMs: number;
}

export class FrameBuilder {
  readonly #marker: Uint8Array;
  readonly #frameSizeBytes: number;
  readonly #header = new FrameHeader();
  #bytes = emptyBytes;
  #baseOffset: number;
  #frameStart = 0;
  #length = 0;
  #entryCount = 0;
  #firstSequence: SequenceNumber = 0;

  /** For the segment whose frames carry `marker`. */
  constructor(
    segmentNumber: FileNumber,
    marker: Uint8Array,
    frameSizeBytes: number,
    baseOffset = framesOffset,
  ) {
    this.#header.segmentNumber = segmentNumber;
    this.#marker = marker;
    this.#frameSizeBytes = frameSizeBytes;
    this.#baseOffset = baseOffset;
  }

  /** Bytes collected, without the padding of the open frame. */
  get length(): number {
    return this.#length;
  }

  /** Whether `entriesBytes` more have to begin a frame of their own; the caller then calls `closeFrame`. */
  mustClose(entriesBytes: number): boolean {
    if (this.#entryCount === 0) return false;
    const payloadBytes = this.#length - this.#frameStart - frameHeaderSizeBytes;
    return payloadBytes + entriesBytes > this.#frameSizeBytes;
  }

  add(
    sequence: SequenceNumber,
    kind: LogEntryKind,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    valueLength: number,
  ): void {
    this.#reserve(frameHeaderSizeBytes + entryLength(keyLength, valueLength));
    if (this.#entryCount === 0) {
      this.#firstSequence = sequence;
      this.#length = this.#frameStart + frameHeaderSizeBytes;
    }
    this.#entryCount++;
    const bytes = this.#bytes;
    let position = this.#length;
    bytes[position++] = kind;
    position = writeVarint(bytes, position, keyLength);
    position = writeVarint(bytes, position, valueLength);
    position = append(bytes, position, key, keyLength);
    this.#length = append(bytes, position, value, valueLength);
  }

  /** Completes the open frame, if there is one. */
  closeFrame(stamp: FrameStamp): void {
    if (this.#entryCount === 0) return;
    this.#writeHeader(frameKinds.group, this.#firstSequence, stamp);
    this.#frameStart = this.#length;
    this.#entryCount = 0;
  }

  /**
   * Appends an end mark behind frames that have been taken; `stamp.syncedThrough` must be where it will stand.
   * `nextSegment`: 0 for none.
   */
  addEndMark(nextSequence: SequenceNumber, nextSegment: FileNumber, stamp: FrameStamp): void {
    assert(
      this.#length === 0 && stamp.syncedThrough === this.#baseOffset,
      "an end mark is written before everything in front of it is synced",
    );
    this.#reserve(endMarkSizeBytes);
    writeUint64(this.#bytes, frameHeaderSizeBytes, nextSegment);
    this.#length = endMarkSizeBytes;
    this.#writeHeader(frameKinds.endMark, nextSequence, stamp);
  }

  /** The closed frames' bytes, valid until the next call of any method; the builder goes on behind them. */
  take(): Uint8Array {
    assert(this.#entryCount === 0, "an open frame was taken");
    const taken = this.#bytes.subarray(0, this.#length);
    this.#baseOffset += this.#length;
    this.#frameStart = 0;
    this.#length = 0;
    return taken;
  }

  #writeHeader(kind: FrameHeader["kind"], firstSequence: SequenceNumber, stamp: FrameStamp): void {
    const payloadStart = this.#frameStart + frameHeaderSizeBytes;
    const end = align(this.#length);
    this.#reserve(end - this.#length);
    this.#bytes.fill(0, this.#length, end);
    const header = this.#header;
    header.kind = kind;
    header.offset = this.#baseOffset + this.#frameStart;
    header.syncedThrough = stamp.syncedThrough;
    header.commitTimeMs = stamp.commitTimeMs;
    header.firstSequence = firstSequence;
    header.entryCount = this.#entryCount;
    header.payloadLength = this.#length - payloadStart;
    header.payloadCrc = Bun.hash.crc32(this.#bytes.subarray(payloadStart, end));
    encodeFrameHeader(header, this.#marker, this.#bytes, this.#frameStart);
    this.#length = end;
  }

  #reserve(extraBytes: number): void {
    const needed = this.#length + extraBytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length, initialCapacityBytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Copies the first `length` bytes of `source`; a whole array needs no view of it, which costs more than the copy. */
function append(target: Uint8Array, position: number, source: Uint8Array, length: number): number {
  if (length === source.length) target.set(source, position);
  else copyRange(source, 0, length, target, position);
  return position + length;
}
