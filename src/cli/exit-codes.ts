/** What the process says to scripts when it ends. */
import type { StorageErrorCode } from "../base/errors.ts";

export const exitCodes = {
  success: 0,
  /** The command failed, or found something wrong. */
  failure: 1,
  /** The command line, the configuration or an input was wrong; nothing was done. */
  usage: 2,
  /** `get`: the key is not there. */
  notFound: 3,
  /** No node answers at the address, or it is not ready; or a directory or port is in use. */
  unavailable: 4,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const exitCodeOfError: Partial<Record<StorageErrorCode, ExitCode>> = {
  INVALID_ARGUMENT: exitCodes.usage,
  INVALID_KEY: exitCodes.usage,
  INVALID_TENANT_ID: exitCodes.usage,
  KEY_TOO_LARGE: exitCodes.usage,
  VALUE_TOO_LARGE: exitCodes.usage,
  KEY_NOT_FOUND: exitCodes.notFound,
  UNAVAILABLE: exitCodes.unavailable,
};

export function exitCodeOf(code: StorageErrorCode): ExitCode {
  return exitCodeOfError[code] ?? exitCodes.failure;
}

export const exitCodesHelp = `
Exit codes:
  0  done
  1  failed, or something wrong was found
  2  wrong command line, configuration or input
  3  the key is not there
  4  no node answers, or a directory or port is in use`;
