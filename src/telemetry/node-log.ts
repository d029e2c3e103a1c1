/** The log of a node: its lines with a limit on repeats, and the last of them kept. */
import type { Clock } from "../platform/clock.ts";
import { createLogger, type LoggerOptions } from "./logger.ts";
import { RecentLines } from "./recent-lines.ts";
import { type LimitedLogger, limitRepeats } from "./repeat-limit.ts";

export interface NodeLog extends LimitedLogger {
  readonly recent: RecentLines;
}

export function createNodeLog(options: LoggerOptions, clock: Clock): NodeLog {
  const recent = new RecentLines(clock);
  return Object.assign(limitRepeats(recent.keepFrom(createLogger(options)), clock), { recent });
}
