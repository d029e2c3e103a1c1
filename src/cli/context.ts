/** What a command stands on, injected, so that tests run commands inside their own process. */
import type { ProcessEnvironment } from "../config/environment.ts";
import type { JobRunner } from "../engine/workers/protocol.ts";
import type { Clock } from "../platform/clock.ts";
import type { ClockStatus } from "../platform/clock-status.ts";
import type { FileSystem } from "../platform/file-system.ts";
import type { ReadSystemFile } from "../platform/memory-status.ts";
import type { Random } from "../platform/random.ts";
import type { StandardStreams } from "../platform/streams.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";

/** A node that `serve` has brought up. */
export interface RunningNode {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** As the first signal does. */
  stop(): void;
}

export interface CommandEnvironment {
  readonly streams: StandardStreams;
  readonly variables: ProcessEnvironment;
  readonly hostName: string;
  readonly memoryLimitBytes: number;
  readonly files: FileSystem;
  /** What the system tells of itself in /proc and /sys. */
  readonly readSystemFile: ReadSystemFile;
  readonly readClockStatus: () => ClockStatus | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the process without another turn. */
  readonly exitAtOnce: (code: ExitCode) => void;
  /** Runs the engine's jobs; default: worker threads over the machine's file system. */
  readonly createJobRunner?: (files: FileSystem) => JobRunner;
  readonly onServing?: (node: RunningNode) => void;
}

export class CommandContext {
  readonly environment: CommandEnvironment;
  /** What the process ends with when the command does not throw. */
  exitCode: ExitCode = exitCodes.success;

  constructor(environment: CommandEnvironment) {
    this.environment = environment;
  }

  /** Prints to standard output. */
  print(text: string | Uint8Array): Promise<void> {
    return this.environment.streams.output.write(text);
  }

  /** Prints a line to standard error: progress, warnings, summaries. */
  note(line: string): void {
    this.environment.streams.error(`${line}\n`);
  }
}
