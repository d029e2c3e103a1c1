/** What streams stand on. */
import type { Clock } from "../../platform/clock.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import type { Random } from "../../platform/random.ts";
import type { Peers } from "../peer.ts";
import type { StreamObserver } from "./observer.ts";
import type { SendLimits } from "./send-window.ts";
import type { SourceLog, StreamSource } from "./source.ts";

export interface StreamEnvironment {
  readonly source: StreamSource;
  readonly log: SourceLog;
  readonly peers: Peers;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: StreamObserver;
}

export interface StreamOptions {
  /** This node's id. */
  readonly nodeId: string;
  readonly dataDirectory: string;
}

export const sendLimits: SendLimits = { maxBatches: 8, maxBytes: 4 * 1024 * 1024 };

/** Of one call to the target. */
export const callTimeoutMs = 20_000;
/** Of one that walks over all that the target holds. That the target is there at all, the connection sees sooner. */
export const comparisonTimeoutMs = 1_800_000;
