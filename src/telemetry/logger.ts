/**
 * The node's log: one line per event, on standard output.
 *
 * `json` is for machines: level, time, node_id, msg and the event's fields. `pretty` is for people:
 * `12:30:01.250 WARN  message  field=value`. The level can be changed while the node runs.
 */
import pino from "pino";
import { StorageError } from "../base/errors.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "json" | "pretty";

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  level: LogLevel;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LoggerOptions {
  readonly nodeId: string;
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes whole lines; default: standard output. */
  readonly write?: (line: string) => void;
}

export function createLogger(options: LoggerOptions): Logger {
  const standardOutput = options.write === undefined ? pino.destination({ dest: 1, sync: true }) : undefined;
  const write = options.write ?? ((line: string) => standardOutput?.write(line));
  const log = pino(
    {
      level: options.level,
      base: { node_id: options.nodeId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: options.format === "json" ? write : (line: string) => write(prettyLine(line)) },
  );
  let currentLevel = options.level;
  return {
    get level() {
      return currentLevel;
    },
    set level(level) {
      currentLevel = level;
      log.level = level;
    },
    debug: (message, fields) => log.debug(loggable(fields), message),
    info: (message, fields) => log.info(loggable(fields), message),
    warn: (message, fields) => log.warn(loggable(fields), message),
    error: (message, fields) => log.error(loggable(fields), message),
  };
}

/** A logger in front of another: lines go to `log`, the level is the other's. */
export function intercept(
  logger: Logger,
  log: (level: LogLevel, message: string, fields: LogFields | undefined) => void,
): Logger {
  return {
    get level() {
      return logger.level;
    },
    set level(level) {
      logger.level = level;
    },
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
  };
}

/** Errors in one line, with what caused them. */
export function loggable(fields: LogFields = {}): LogFields {
  const entries = Object.entries(fields).map(([name, value]) => {
    return [name, value instanceof Error ? explain(value) : value];
  });
  return Object.fromEntries(entries);
}

function explain(error: Error): string {
  const message = error instanceof StorageError ? `${error.code}: ${error.message}` : error.message;
  return error.cause instanceof Error ? `${message}; caused by ${explain(error.cause)}` : message;
}

/** A JSON line as a line for people. */
export function prettyLine(line: string): string {
  const { level, time, msg, node_id: _, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clockTime = String(time).slice(11, 23);
  const details = Object.entries(fields).map(([name, value]) => `  ${name}=${plain(value)}`);
  return `${clockTime} ${String(level).toUpperCase().padEnd(5)} ${msg}${details.join("")}\n`;
}

function plain(value: unknown): string {
  return typeof value === "string" && !/[\s"=]/.test(value) ? value : JSON.stringify(value);
}
