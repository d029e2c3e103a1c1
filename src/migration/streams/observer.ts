/** What happens to streams, as it happens; an observer returns at once and never throws. */
import type { StreamPhase, StreamTarget } from "./stream-record.ts";

/** Why a stream sends a record: it was there, it was written meanwhile, or the target was found without it. */
export type SendReason = "copied" | "streamed" | "repaired";

export interface StreamObserver {
  streamStarted(target: StreamTarget, rangeCount: number): void;
  /** After a restart of this node. */
  streamResumed(target: StreamTarget, phase: StreamPhase): void;
  /** It goes on at this address of its target. */
  streamMoved(target: StreamTarget): void;
  phaseReached(target: StreamTarget, phase: StreamPhase): void;
  /** A try failed; the next one comes after a pause. */
  tryFailed(target: StreamTarget, reason: string, pauseMs: number): void;
  /** Tries failed too often: the stream counts as failed from now on, and is tried on. */
  streamFailed(target: StreamTarget, reason: string): void;
  /** A failed stream goes on. */
  streamRecovered(target: StreamTarget): void;
  /** The commit log cannot be followed any more from where the stream was: the target is compared anew. */
  placeLost(target: StreamTarget, reason: string): void;
  streamEnded(target: StreamTarget, reason: string): void;
  /** The target has acknowledged them. */
  recordsSent(reason: SendReason, keyCount: number, sizeBytes: number): void;
  /** The streams of before are not known any more; the file is kept. */
  streamsFileDamaged(error: unknown, keptAs: string): void;
  /** Streams go on, and would begin further back after a restart. */
  streamsNotSaved(error: unknown): void;
}
