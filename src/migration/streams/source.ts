/** What streams ask of the node and of its engine's log; `FollowedLog` has the shape of the second. */
import type { LogFollower, LogPosition } from "../../engine/commit-log/follower.ts";
import type { FileNumber, SequenceNumber } from "../../engine/internal-key.ts";
import type { RecordSource } from "../record-source.ts";

export interface StreamSource extends RecordSource {
  /** Unix seconds: what was deleted before has expired by now. */
  readonly deletedBeforeSeconds: number;
}

export interface SourceLog {
  end(): LogPosition;
  whenDurable(sequence: SequenceNumber): Promise<void>;
  whenGrown(): Promise<void>;
  follow(position: LogPosition): LogFollower;
  bytesFrom(position: LogPosition): number;
  hold(name: string, segmentNumber: FileNumber): Promise<void>;
  release(name: string): Promise<void>;
  holderNames(): string[];
}
