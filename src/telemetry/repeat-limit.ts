/**
 * Keeps a line that comes again and again from filling the disk: of one message, a number in each ten seconds is
 * written as it comes. Of those beyond, the last one is written at the end of that time, with how many there were
 * (`suppressed`).
 *
 * Not limited are lines at debug level, which somebody asked for, and those of the audit log, which must not be missing
 * and has a limit of its own.
 */
import type { Clock, Timer } from "../platform/clock.ts";
import { intercept, type LogFields, type Logger, type LogLevel } from "./logger.ts";

const windowMs = 10_000;
const mostInWindow = 20;
/** Messages that are followed at a time; beyond, lines are written as they come. */
const mostMessages = 1000;

interface Repeated {
  readonly level: LogLevel;
  readonly message: string;
  count: number;
  suppressedCount: number;
  lastFields: LogFields | undefined;
  readonly timer: Timer;
}

export interface LimitedLogger extends Logger {
  /** Writes at once what is held back. */
  tellSuppressed(): void;
}

export function limitRepeats(logger: Logger, clock: Clock): LimitedLogger {
  const repeated = new Map<string, Repeated>();

  const end = (key: string): void => {
    const { level, message, suppressedCount, lastFields, timer } = repeated.get(key)!;
    timer.cancel();
    repeated.delete(key);
    if (suppressedCount > 0) logger[level](message, { ...lastFields, suppressed: suppressedCount });
  };

  const isTooMany = (level: LogLevel, message: string, fields: LogFields | undefined): boolean => {
    const key = `${level} ${message}`;
    const known = repeated.get(key);
    if (known === undefined) {
      if (repeated.size >= mostMessages) return false;
      const timer = clock.after(windowMs, () => end(key));
      repeated.set(key, { level, message, count: 1, suppressedCount: 0, lastFields: undefined, timer });
      return false;
    }
    if (++known.count <= mostInWindow) return false;
    known.suppressedCount++;
    known.lastFields = fields;
    return true;
  };

  const limited = intercept(logger, (level, message, fields) => {
    const isLimited = level !== "debug" && fields?.["audit"] !== true;
    if (!isLimited || !isTooMany(level, message, fields)) logger[level](message, fields);
  });
  return Object.assign(limited, {
    tellSuppressed: () => {
      for (const key of [...repeated.keys()]) end(key);
    },
  });
}
