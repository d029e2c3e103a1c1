/**
 * Segments and secured space for the writer, made off its path.
 *
 * Space is secured in steps of `preallocateBytes`; the next step starts when less than half of one is left. The
 * segment after the current one is created when half of its first step is used, so that starting it does not stall
 * writers.
 *
 * Invariants:
 * 1. At most one step runs per segment.
 * 2. ENOSPC marks a segment as waiting for space, and the step is tried again when somebody asks for room after
 *    a pause. Any other failure is the writer's end: nothing is known then of what the segment holds.
 */
import { isDiskFull, StorageError } from "../../base/errors.ts";
import type { EngineEnvironment } from "../environment.ts";
import type { FileNumber, SequenceNumber } from "../internal-key.ts";
import type { CommitLogOptions } from "../options.ts";
import { framesOffset } from "./format.ts";
import { Segment } from "./segment.ts";

/** Space is secured in whole pages. */
const pageBytes = 4096;
/** A file system that was full is not asked again before this. */
const fullRetryMs = 250;

export interface CommitLogWriterOptions extends CommitLogOptions {
  /** Where the segments are; must exist. */
  readonly directory: string;
}

export type FailureHandler = (action: string, path: string, error: unknown) => void;

export class SegmentSupply {
  readonly #environment: EngineEnvironment;
  readonly #options: CommitLogWriterOptions;
  readonly #allocateNumber: () => FileNumber;
  readonly #failed: FailureHandler;
  #spare: Segment | undefined;

  /** `failed` hears of every failure but a full file system. */
  constructor(
    environment: EngineEnvironment,
    options: CommitLogWriterOptions,
    allocateNumber: () => FileNumber,
    failed: FailureHandler,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#allocateNumber = allocateNumber;
    this.#failed = failed;
  }

  /** The first segment of a run; not there before `secureFirst`. */
  first(nextSequence: SequenceNumber): Segment {
    return this.#create(nextSequence);
  }

  /** Creates the file; durable on return. Throws the system's error and leaves nothing behind. */
  async secureFirst(segment: Segment): Promise<void> {
    await segment.secure(this.#targetFor(segment, 0));
  }

  /** The segment to go on with. Entries fit once it is ready. */
  next(): Segment {
    const segment = this.#spare ?? this.#create(0);
    this.#spare = undefined;
    if (!segment.isReady) this.secure(segment, 0);
    return segment;
  }

  /** Whether entries of `payloadBytes` would make the segment too large. One without entries takes anything. */
  isOutgrownBy(segment: Segment, payloadBytes: number): boolean {
    return !segment.isEmpty && segment.spaceFor(payloadBytes) > this.#segmentSizeBytes;
  }

  /** Starts the step after which entries of `payloadBytes` fit, unless another one runs or a pause lasts. */
  secure(segment: Segment, payloadBytes: number): void {
    if (segment.step !== undefined) return;
    if (segment.isDiskFull && this.#environment.clock.monotonicMs() < segment.retryAtMs) return;
    const target = this.#targetFor(segment, payloadBytes);
    if (target <= segment.secured) return;
    segment.step = this.#runStep(segment, target).then(() => {
      segment.step = undefined;
    });
  }

  /** Starts what will be needed soon: space for `active`, then a segment to follow it. */
  keepAhead(active: Segment): void {
    const halfStepBytes = this.#options.preallocateBytes / 2;
    if (active.secured - active.endOffset < halfStepBytes) this.secure(active, 0);
    // Not at once: creating a file slows down the syncs beside it, and starting this one was enough for now.
    if (active.step !== undefined || active.endOffset < framesOffset + halfStepBytes) return;
    this.#spare ??= this.#create(0);
    if (!this.#spare.isReady) this.secure(this.#spare, 0);
  }

  /** Why an entry does not fit into the segment now. */
  refusal(segment: Segment): StorageError {
    if (segment.isDiskFull) return diskFull(this.#options.directory);
    return new StorageError("RESOURCE_EXHAUSTED", "the commit log is waiting for disk space; try again");
  }

  /** Removes the segment created ahead. */
  async close(): Promise<void> {
    const spare = this.#spare;
    this.#spare = undefined;
    try {
      await spare?.discard();
    } catch (error) {
      this.#failed("remove", spare?.path ?? "", error);
    }
  }

  /** Room for a step at least, whatever the option says. */
  get #segmentSizeBytes(): number {
    return Math.max(this.#options.segmentSizeBytes, framesOffset + this.#options.preallocateBytes);
  }

  #create(runStart: SequenceNumber): Segment {
    const { directory, groupSizeBytes } = this.#options;
    return new Segment(this.#environment, directory, this.#allocateNumber(), runStart, groupSizeBytes);
  }

  /** Not beyond the segment's size, unless a single entry needs it. */
  #targetFor(segment: Segment, payloadBytes: number): number {
    const ahead = Math.max(segment.secured, framesOffset) + this.#options.preallocateBytes;
    const least = payloadBytes === 0 ? 0 : segment.spaceFor(payloadBytes);
    const target = Math.max(Math.min(ahead, this.#segmentSizeBytes), least);
    return Math.ceil(target / pageBytes) * pageBytes;
  }

  async #runStep(segment: Segment, target: number): Promise<void> {
    try {
      await segment.secure(target);
      segment.isDiskFull = false;
    } catch (error) {
      segment.isDiskFull = isDiskFull(error);
      segment.retryAtMs = this.#environment.clock.monotonicMs() + fullRetryMs;
      if (!segment.isDiskFull) this.#failed("secure space in", segment.path, error);
    }
  }
}

export function diskFull(directory: string, cause?: unknown): StorageError {
  return new StorageError(
    "DISK_FULL",
    `no room for the commit log in ${directory}: free some disk space, and writing goes on by itself`,
    { file: directory, cause },
  );
}
