/** What a stream is and how far it has come: what outlives the process. */
import type { LogPosition } from "../../engine/commit-log/follower.ts";
import type { HashRange } from "../hash-ranges.ts";
import type { PeerTarget } from "../peer.ts";

/** In this order; `completed` goes on following what is written. */
export const streamPhases = ["copying", "streaming", "syncing", "completed"] as const;

export type StreamPhase = (typeof streamPhases)[number];

export type StreamState = StreamPhase | "failed";

export interface StreamTarget {
  readonly nodeId: string;
  readonly host: string;
  readonly port: number;
}

export interface StreamFailure {
  readonly reason: string;
  /** When the tries began that have failed since. Unix milliseconds. */
  readonly sinceMs: number;
}

/** Of what the target has acknowledged; keys that were sent twice count twice, bytes are those of keys and records. */
export interface StreamCounts {
  keysCopied: number;
  bytesCopied: number;
  /** From the commit log. */
  keysStreamed: number;
  bytesStreamed: number;
  /** Which the target lacked, or had differently, when it was compared. */
  keysRepaired: number;
  bytesRepaired: number;
}

export interface StreamRecord {
  readonly target: StreamTarget;
  readonly ranges: readonly HashRange[];
  /** Unix milliseconds. */
  readonly startedAtMs: number;
  phase: StreamPhase;
  /** Undefined while all goes well, or tries have not failed often enough. */
  failure: StreamFailure | undefined;
  /** Nothing is sent any more: the target has taken over, or the stream was given up. */
  isEnded: boolean;
  /** All before it in the log is in the copied view, or acknowledged; undefined before the copying has begun. */
  position: LogPosition | undefined;
  /** While copying: the last key, as the engine has it, up to which all is acknowledged; undefined for none. */
  copiedThrough: Uint8Array | undefined;
  readonly counts: StreamCounts;
}

export function newStreamRecord(
  target: StreamTarget,
  ranges: readonly HashRange[],
  startedAtMs: number,
): StreamRecord {
  return {
    target,
    ranges,
    startedAtMs,
    phase: "copying",
    failure: undefined,
    isEnded: false,
    position: undefined,
    copiedThrough: undefined,
    counts: {
      keysCopied: 0,
      bytesCopied: 0,
      keysStreamed: 0,
      bytesStreamed: 0,
      keysRepaired: 0,
      bytesRepaired: 0,
    },
  };
}

export function stateOf({ phase, failure }: StreamRecord): StreamState {
  return failure === undefined ? phase : "failed";
}

/** Whether it sends, or follows, without trouble. */
export function isActive({ failure, isEnded }: StreamRecord): boolean {
  return failure === undefined && !isEnded;
}

export function isSameAddress(a: StreamTarget, b: StreamTarget): boolean {
  return a.host === b.host && a.port === b.port;
}

/**
 * The same stream to its target at another address. That it is completed was found at the one of before, where somebody
 * else may have answered: it is compared anew.
 */
export function atAddress(record: StreamRecord, target: StreamTarget): StreamRecord {
  const phase = record.phase === "completed" ? "syncing" : record.phase;
  return { ...record, target, phase, failure: undefined };
}

/** Without an address, the target has to be known. */
export function peerTarget({ nodeId, host, port }: StreamTarget): PeerTarget {
  return host === "" && port === 0 ? { nodeId } : { nodeId, host, port };
}
