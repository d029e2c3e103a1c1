/**
 * The streams of a node, one per target: started, asked about and stopped by coordinators and operators, kept in a file,
 * and taken up again after a restart.
 *
 * A request that cannot be met is an answer, not a failure: whoever asks reads `success` and `message`.
 *
 * Invariants:
 * 1. Requests that change something are dealt with one after the other.
 * 2. What is answered with success is in the file before; except that a stream which is stopped sends nothing more even
 *    where the file could not be written, which is then said.
 */
import { messageOf, StorageError } from "../../base/errors.ts";
import type { SequenceNumber } from "../../engine/internal-key.ts";
import { type HashRange, HashRanges } from "../hash-ranges.ts";
import type { StreamEnvironment, StreamOptions } from "./environment.ts";
import { catchUpMs, holderName, Stream } from "./stream.ts";
import { StreamFile } from "./stream-file.ts";
import {
  atAddress,
  isActive,
  isSameAddress,
  newStreamRecord,
  peerTarget,
  type StreamRecord,
  type StreamState,
  type StreamTarget,
  stateOf,
} from "./stream-record.ts";

export interface StartRequest {
  readonly sourceNodeId: string;
  readonly target: StreamTarget;
  readonly ranges: readonly HashRange[];
}

export interface StreamKey {
  readonly sourceNodeId: string;
  readonly targetNodeId: string;
}

export interface StreamAnswer {
  readonly success: boolean;
  readonly message: string;
}

export interface StreamReport extends Readonly<Omit<StreamRecord, "copiedThrough" | "position">> {
  readonly state: StreamState;
  /** It sends, or follows, without trouble. */
  readonly isActive: boolean;
  readonly lagBytes: number;
  /** Undefined while the log is not followed. */
  readonly lagMs: number | undefined;
}

export interface ActiveStream {
  readonly targetNodeId: string;
  readonly state: StreamState;
  readonly acknowledgedSequence: SequenceNumber;
}

/** What coordinators and operators ask of streams. */
export type StreamControl = Pick<Streams, "start" | "stop" | "notifyComplete" | "status" | "list">;

const maxStreams = 64;
const lastWritesAreLacking = `the target has not acknowledged the last writes within ${catchUpMs / 1000} s`;

export class Streams {
  readonly #environment: StreamEnvironment;
  readonly #options: StreamOptions;
  readonly #file: StreamFile;
  /** By the target's id. */
  readonly #streams = new Map<string, Stream>();
  #changing: Promise<unknown> = Promise.resolve();
  #writing: Promise<void> | undefined;
  #nextWriting: Promise<void> | undefined;
  #isClosed = false;

  private constructor(environment: StreamEnvironment, options: StreamOptions) {
    this.#environment = environment;
    this.#options = options;
    this.#file = new StreamFile(environment.files, options.dataDirectory);
  }

  /** Takes up the streams of before. A damaged file is told and kept aside: the node serves all the same. */
  static async open(environment: StreamEnvironment, options: StreamOptions): Promise<Streams> {
    const streams = new Streams(environment, options);
    for (const record of await streams.#readFile()) {
      const stream = streams.#add(record);
      if (!record.isEnded) environment.observer.streamResumed(record.target, record.phase);
      stream.start();
    }
    await streams
      .#releaseStrayHolders()
      .catch((error: unknown) => environment.observer.streamsNotSaved(error));
    return streams;
  }

  /** Begins a stream, in the background. One that is under way goes on, and from now on to the address that is named. */
  start(request: StartRequest): Promise<StreamAnswer> {
    return this.#change(async () => {
      const { target } = request;
      this.#checkSource(request.sourceNodeId);
      const ranges = new HashRanges(request.ranges);
      const existing = this.#streams.get(target.nodeId);
      if (existing !== undefined && isActive(existing.record)) return this.#goOn(existing, target, ranges);
      await this.#checkTarget(target);
      if (existing !== undefined) await this.#remove(existing);
      else if (this.#streams.size >= maxStreams) throw tooMany();
      await this.#begin(target, ranges.ranges);
      return { success: true, message: `streaming to ${target.nodeId} has begun` };
    });
  }

  /**
   * Ends a stream; what the target has it keeps. An unknown one counts as ended. A completed one ends when the target has
   * what was written before the call, or `catchUpMs` after it.
   */
  async stop(request: StreamKey): Promise<StreamAnswer> {
    const sequence = await this.#catchUp(request);
    return this.#change(async () => {
      this.#checkSource(request.sourceNodeId);
      const stream = this.#streams.get(request.targetNodeId);
      if (stream === undefined)
        return { success: true, message: `there is no stream to ${request.targetNodeId}` };
      await this.#remove(stream);
      const what = stream.lacks(sequence) ? `stopped, and ${lastWritesAreLacking}` : "stopped";
      this.#environment.observer.streamEnded(stream.record.target, what);
      return { success: true, message: `the stream to ${request.targetNodeId} is ${what}` };
    });
  }

  /**
   * The target has taken over: a completed stream ends, and is remembered as completed. Refused where the target has not
   * got what was written before the call, `catchUpMs` after it.
   */
  async notifyComplete(request: StreamKey): Promise<StreamAnswer> {
    const sequence = await this.#catchUp(request);
    return this.#change(async () => {
      this.#checkSource(request.sourceNodeId);
      const stream = this.#streams.get(request.targetNodeId);
      if (stream === undefined) throw invalid(`there is no stream to ${request.targetNodeId}`);
      const state = stateOf(stream.record);
      if (state !== "completed")
        throw invalid(`the stream to ${request.targetNodeId} is not completed: it is ${state}`);
      if (stream.lacks(sequence))
        throw new StorageError("UNAVAILABLE", `the stream goes on, since ${lastWritesAreLacking}`);
      await stream.stop();
      stream.record.isEnded = true;
      await this.#save();
      await stream.release();
      this.#environment.observer.streamEnded(stream.record.target, "the target has taken over");
      return { success: true, message: `the stream to ${request.targetNodeId} has ended` };
    });
  }

  /** Undefined for no such stream. */
  status(key: StreamKey): StreamReport | undefined {
    const stream = this.#find(key);
    return stream === undefined ? undefined : reportOf(stream);
  }

  list(): StreamReport[] {
    return [...this.#streams.values()].map(reportOf);
  }

  /**
   * Those that have not been taken over: whoever takes the node away waits until each of them is completed and has sent
   * the last writes. One that was given up is among them, since its keys are not where they should be, until somebody
   * stops it or starts it anew.
   */
  activeStreams(): ActiveStream[] {
    return [...this.#streams.values()]
      .filter(({ record }) => !record.isEnded || record.failure !== undefined)
      .map(({ record, acknowledgedSequence }) => ({
        targetNodeId: record.target.nodeId,
        state: stateOf(record),
        acknowledgedSequence,
      }));
  }

  /** Nothing is sent any more; what was acknowledged is saved. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#changing;
    const streams = [...this.#streams.values()];
    await Promise.all(streams.map((stream) => stream.stop()));
    if (streams.length === 0) return;
    await this.#save().catch((error: unknown) => this.#environment.observer.streamsNotSaved(error));
  }

  /** What cannot be done is an answer. */
  #change(act: () => Promise<StreamAnswer>): Promise<StreamAnswer> {
    const changed = this.#changing.then(async (): Promise<StreamAnswer> => {
      try {
        if (this.#isClosed) throw new StorageError("UNAVAILABLE", "the node is stopping");
        return await act();
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        return { success: false, message: error.message };
      }
    });
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  #checkSource(sourceNodeId: string): void {
    const { nodeId } = this.#options;
    if (sourceNodeId === nodeId) return;
    throw invalid(
      `source_node_id is ${JSON.stringify(sourceNodeId)}, and this node is ${JSON.stringify(nodeId)}`,
    );
  }

  async #checkTarget(target: StreamTarget): Promise<void> {
    if (target.nodeId === "") throw invalid("target_node_id is empty");
    if (target.nodeId === this.#options.nodeId) throw invalid("a node cannot stream to itself");
    const peer = await this.#environment.peers.connect(peerTarget(target));
    peer.close();
  }

  #find({ sourceNodeId, targetNodeId }: StreamKey): Stream | undefined {
    return sourceNodeId === this.#options.nodeId ? this.#streams.get(targetNodeId) : undefined;
  }

  /** Gives the last sequence number of now. Waits while other requests are dealt with. */
  async #catchUp(key: StreamKey): Promise<SequenceNumber> {
    const sequence = this.#environment.log.end().nextSequence - 1;
    await this.#find(key)?.catchUp(sequence);
    return sequence;
  }

  /** What a start finds under way. */
  async #goOn(stream: Stream, target: StreamTarget, { ranges }: HashRanges): Promise<StreamAnswer> {
    const { record } = stream;
    const { nodeId } = target;
    if (!isSameRanges(record.ranges, ranges)) {
      throw invalid(
        `there is a stream of other ranges to ${nodeId}, and it is ${stateOf(record)}: stop it first`,
      );
    }
    if (isSameAddress(record.target, target))
      return { success: true, message: `already streaming to ${nodeId}: ${stateOf(record)}` };
    await this.#checkTarget(target);
    await this.#moveTo(stream, target);
    return { success: true, message: `streaming to ${nodeId} goes on at another address` };
  }

  async #moveTo(stream: Stream, target: StreamTarget): Promise<void> {
    await stream.stop();
    const moved = this.#add(atAddress(stream.record, target));
    try {
      await this.#save();
    } catch (error) {
      this.#add(stream.record).start();
      throw notSaved(error);
    }
    this.#environment.observer.streamMoved(target);
    moved.start();
  }

  async #begin(target: StreamTarget, ranges: readonly HashRange[]): Promise<void> {
    const { clock, observer } = this.#environment;
    const stream = this.#add(newStreamRecord(target, ranges, clock.nowMs()));
    try {
      await this.#save();
    } catch (error) {
      this.#streams.delete(target.nodeId);
      throw notSaved(error);
    }
    observer.streamStarted(target, ranges.length);
    stream.start();
  }

  #add(record: StreamRecord): Stream {
    const stream = new Stream(this.#environment, record, () => this.#save());
    this.#streams.set(record.target.nodeId, stream);
    return stream;
  }

  /** A crash in between leaves a holder without a stream, which the next start releases. */
  async #remove(stream: Stream): Promise<void> {
    await stream.stop();
    this.#streams.delete(stream.record.target.nodeId);
    try {
      await this.#save();
      await stream.release();
    } catch (error) {
      throw notSaved(error);
    }
  }

  /** Writes all records as they are now, or a little later. */
  #save(): Promise<void> {
    if (this.#writing === undefined) {
      const writing = this.#file.write(this.#records()).finally(() => {
        this.#writing = undefined;
      });
      this.#writing = writing;
      return writing;
    }
    // One that is under way may be older than what is to be saved; those who come meanwhile share the next.
    this.#nextWriting ??= this.#writing
      .catch(() => {})
      .then(() => {
        this.#nextWriting = undefined;
        return this.#save();
      });
    return this.#nextWriting;
  }

  #records(): StreamRecord[] {
    return [...this.#streams.values()].map(({ record }) => record);
  }

  async #readFile(): Promise<StreamRecord[]> {
    const { observer } = this.#environment;
    try {
      return this.#file.read();
    } catch (error) {
      observer.streamsFileDamaged(error, await this.#file.setAside());
      return [];
    }
  }

  async #releaseStrayHolders(): Promise<void> {
    const { log } = this.#environment;
    const ours = new Set([...this.#streams.keys()].map(holderName));
    for (const name of log.holderNames()) {
      if (name.startsWith(holderName("")) && !ours.has(name)) await log.release(name);
    }
  }
}

/** Whatever their order. */
function isSameRanges(a: readonly HashRange[], b: readonly HashRange[]): boolean {
  const text = (ranges: readonly HashRange[]) => ranges.map(({ start, end }) => `${start}-${end}`).sort();
  return text(a).join() === text(b).join();
}

function reportOf(stream: Stream): StreamReport {
  const { record, lagBytes, lagMs } = stream;
  return { ...record, state: stateOf(record), isActive: isActive(record), lagBytes, lagMs };
}

function invalid(message: string): StorageError {
  return new StorageError("INVALID_ARGUMENT", message);
}

function tooMany(): StorageError {
  return new StorageError("RESOURCE_EXHAUSTED", `there are ${maxStreams} streams already: stop one first`);
}

function notSaved(cause: unknown): StorageError {
  return new StorageError("UNAVAILABLE", `the list of streams could not be saved: ${messageOf(cause)}`, {
    cause,
  });
}
