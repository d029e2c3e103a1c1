/**
 * The commit log for those who follow it: where it stands, how it is read behind its writer, and what is kept for them.
 *
 * To miss nothing, a follower takes the `end`, holds its segment, waits for what comes before it to be durable, and
 * only then opens a view: what the view does not show comes in the log from that position on.
 */
import { LogFollower, type LogPosition } from "./commit-log/follower.ts";
import type { CommitLogWriter } from "./commit-log/writer.ts";
import type { EngineEnvironment } from "./environment.ts";
import type { FileNumber, SequenceNumber } from "./internal-key.ts";
import type { LogRetention } from "./log-retention.ts";
import type { EngineOptions } from "./options.ts";

export class FollowedLog {
  readonly #environment: EngineEnvironment;
  readonly #options: EngineOptions;
  readonly #log: CommitLogWriter;
  readonly #retention: LogRetention;
  readonly #assertWriting: () => void;

  /** `assertWriting` throws while the engine closes, and after the end of writing. */
  constructor(
    environment: EngineEnvironment,
    options: EngineOptions,
    log: CommitLogWriter,
    retention: LogRetention,
    assertWriting: () => void,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#log = log;
    this.#retention = retention;
    this.#assertWriting = assertWriting;
  }

  /** Where the next frame will stand. */
  end(): LogPosition {
    return this.#log.end();
  }

  /** Resolves when all entries up to this one are durable, as far as the sync mode promises. */
  async whenDurable(sequence: SequenceNumber): Promise<void> {
    await this.#log.whenSynced(sequence);
  }

  /** Resolves when more entries are durable than now; never, once writing has ended. */
  whenGrown(): Promise<void> {
    return this.#log.whenGrown();
  }

  /** Reads from a position that `end` or a follower gave. Its owner closes it. */
  follow(position: LogPosition): LogFollower {
    const { files } = this.#environment;
    return new LogFollower(files, this.#options.commitLogDirectory, this.#log, position);
  }

  /** What this run of the node has written behind a position. */
  bytesFrom({ segmentNumber, offset }: LogPosition): number {
    let sum = 0;
    for (const { number, sizeBytes } of this.#log.segments) {
      if (number === segmentNumber) sum += Math.max(0, sizeBytes - offset);
      else if (number > segmentNumber) sum += sizeBytes;
    }
    return sum;
  }

  /**
   * Keeps segments from this one on for `name` until `release`, over restarts, or until too much is kept: then the
   * follower finds them gone. Durable on return. A step back is INVALID_ARGUMENT.
   */
  async hold(name: string, segmentNumber: FileNumber): Promise<void> {
    this.#assertWriting();
    await this.#retention.hold(name, segmentNumber);
  }

  holderNames(): string[] {
    return this.#retention.holderNames();
  }

  async release(name: string): Promise<void> {
    this.#assertWriting();
    await this.#retention.release(name);
  }
}
