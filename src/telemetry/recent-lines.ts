/**
 * The last lines of the log, for operators who have no hold of the file: those at info and above, which name no key.
 * Lines of the audit log are not among them: they are for who keeps watch, and name callers.
 */
import type { Clock } from "../platform/clock.ts";
import type { LogLineReport } from "../rpc/admin/sources.ts";
import { intercept, type LogFields, type Logger, type LogLevel, loggable } from "./logger.ts";

const keptCount = 500;
/** What is longer is cut. */
const mostFieldCharacters = 2000;

export class RecentLines {
  readonly #clock: Clock;
  readonly #lines: LogLineReport[] = [];
  #lastSequence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of the newest line, counted from 1. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Those behind a sequence number that are still kept, the oldest first. */
  after(sequence: number): LogLineReport[] {
    return this.#lines.filter((line) => line.sequence > sequence);
  }

  /** The same log, whose lines are kept. */
  keepFrom(logger: Logger): Logger {
    return intercept(logger, (level, message, fields) => {
      logger[level](message, fields);
      if (level !== "debug" && fields?.["audit"] !== true && isWritten(level, logger.level)) {
        this.#keep(level, message, fields);
      }
    });
  }

  #keep(level: LogLevel, message: string, fields: LogFields | undefined): void {
    this.#lines.push({
      sequence: ++this.#lastSequence,
      atMs: this.#clock.nowMs(),
      level,
      message,
      fields: JSON.stringify(loggable(fields)).slice(0, mostFieldCharacters),
    });
    if (this.#lines.length > keptCount) this.#lines.shift();
  }
}

const weights: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

function isWritten(level: LogLevel, least: LogLevel): boolean {
  return weights[level] >= weights[least];
}
