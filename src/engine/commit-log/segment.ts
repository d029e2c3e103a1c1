/**
 * A segment file that is being written: its frames to come, and the space secured for them.
 *
 * Space is zero-filled and synced ahead of the writer, so that a group is an overwrite that needs neither new
 * blocks nor new metadata. It makes the sync cheaper, and ENOSPC can only meet a step of space, never an entry
 * that was accepted.
 *
 * Invariants:
 * 1. `synced` ≤ `written` ≤ `secured`: offsets in the file. All that is collected in `frames`, and an end mark,
 *    fit in front of `secured`.
 * 2. The space steps have a descriptor of their own. The system reports a failed write-back once per descriptor:
 *    a step that runs beside a sync must not take the error that this sync has to see.
 */
import { assert } from "../../base/errors.ts";
import type { File, FileSystem } from "../../platform/file-system.ts";
import { segmentPath } from "../data-directory.ts";
import type { EngineEnvironment } from "../environment.ts";
import type { FileNumber, SequenceNumber } from "../internal-key.ts";
import {
  encodeSegmentHeaders,
  endMarkSizeBytes,
  frameAlignmentBytes,
  frameHeaderSizeBytes,
  frameMarker,
  framesOffset,
  newSalt,
  type SegmentHeader,
} from "./format.ts";
import { FrameBuilder, type FrameStamp } from "./frame-builder.ts";
import type { Group } from "./group.ts";

/** What an entry may take beyond its own bytes: the padding of the frame before it, a header, its padding. */
const frameOverheadBytes = frameHeaderSizeBytes + 2 * frameAlignmentBytes;

export class Segment {
  readonly number: FileNumber;
  readonly path: string;
  readonly frames: FrameBuilder;
  /** The group that `frames` hold. */
  group: Group | undefined;
  /** Of the first entry, or of the next one while there is none. */
  firstSequence: SequenceNumber = 0;
  /** Takes no more entries. */
  ended = false;
  endMarked = false;
  written = framesOffset;
  synced = framesOffset;
  /** The space step under way; never rejects. */
  step: Promise<void> | undefined;
  /** The last space step found the file system full; not tried again before `retryAtMs` (monotonic). */
  isDiskFull = false;
  retryAtMs = 0;
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #header: SegmentHeader;
  #file: File | undefined;
  #space: File | undefined;
  #secured = 0;

  /** `runStart`: the next sequence number for a run's first segment, 0 for any other. Touches no file. */
  constructor(
    environment: EngineEnvironment,
    directory: string,
    number: FileNumber,
    runStart: SequenceNumber,
    frameSizeBytes: number,
  ) {
    this.#files = environment.files;
    this.#directory = directory;
    this.number = number;
    this.path = segmentPath({ commitLogDirectory: directory }, number);
    const salt = newSalt(environment.random);
    this.#header = { number, salt, createdAtMs: environment.clock.nowMs(), firstSequence: runStart };
    this.frames = new FrameBuilder(number, frameMarker(salt), frameSizeBytes);
  }

  /** Entries can be appended as far as they fit. */
  get isReady(): boolean {
    return this.#secured > 0;
  }

  get isEmpty(): boolean {
    return this.endOffset === framesOffset;
  }

  get isUnsynced(): boolean {
    return this.synced < this.written;
  }

  get secured(): number {
    return this.#secured;
  }

  /** Where the next frame goes, but for padding. */
  get endOffset(): number {
    return this.written + this.frames.length;
  }

  /** The least `secured` with which entries of `payloadBytes` fit. */
  spaceFor(payloadBytes: number): number {
    return this.endOffset + payloadBytes + frameOverheadBytes + endMarkSizeBytes;
  }

  fits(payloadBytes: number): boolean {
    return this.spaceFor(payloadBytes) <= this.#secured;
  }

  /**
   * Secures the space in front of `offset`, and creates the file first where there is none. Durable on return;
   * a creation that fails leaves no file.
   */
  async secure(offset: number): Promise<void> {
    if (this.#space === undefined) await this.#create(offset);
    else await this.#space.zeroFill(this.#secured, offset - this.#secured);
    this.#secured = offset;
  }

  async #create(offset: number): Promise<void> {
    this.#file = this.#files.open(this.path, "create");
    try {
      this.#space = this.#files.open(this.path, "write");
      this.#file.writeAt(encodeSegmentHeaders(this.#header), 0);
      await this.#file.sync();
      await this.#space.zeroFill(framesOffset, offset - framesOffset);
      await this.#files.syncDirectory(this.#directory);
    } catch (error) {
      this.close();
      // Where the removal fails too, the next attempt meets the file and says so.
      await this.#files.remove(this.path).catch(() => {});
      throw error;
    }
  }

  /** Writes the collected frames; the open one must be closed. Returns their size. */
  write(): number {
    const bytes = this.frames.take();
    this.#opened().writeAt(bytes, this.written);
    this.written += bytes.length;
    return bytes.length;
  }

  /** Everything before it must be synced, and the next segment, if there is one, be ready. */
  writeEndMark(nextSequence: SequenceNumber, nextSegment: FileNumber, stamp: FrameStamp): void {
    this.frames.addEndMark(nextSequence, nextSegment, stamp);
    this.write();
    this.endMarked = true;
  }

  /** Must not be repeated after a rejection. */
  async sync(): Promise<void> {
    const through = this.written;
    await this.#opened().sync();
    this.synced = through;
  }

  /**
   * Closes the file, once the step under way is over. Unused space stays: cutting it off would hold up the thread
   * for milliseconds, and the whole file goes soon.
   */
  async retire(): Promise<void> {
    await this.step;
    this.close();
  }

  /**
   * Removes the file of a segment that nothing was written into, once the step under way is over. Not durable:
   * an empty segment that comes back does no harm.
   */
  async discard(): Promise<void> {
    await this.step;
    if (this.#file === undefined) return;
    this.close();
    await this.#files.remove(this.path);
  }

  close(): void {
    this.#file?.close();
    this.#space?.close();
    this.#file = undefined;
    this.#space = undefined;
    this.#secured = 0;
  }

  #opened(): File {
    assert(this.#file !== undefined, `${this.path} is used before it was created or after it was closed`);
    return this.#file;
  }
}
