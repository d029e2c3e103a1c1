/**
 * The one error class of the node.
 *
 * Whatever goes wrong in operation, from a bad request to a failed sync, is a `StorageError` with a code and
 * context. The codes are those of the wire contract; `rpc` maps them to gRPC statuses in one table.
 * Absence is a value, never an error. A broken invariant is an `InvariantViolation`: a bug of ours, which stops
 * writes and is never retried.
 */

/** Internal error codes, as they travel in `storage.ErrorDetails.code`. */
export const storageErrorCodes = {
  INVALID_ARGUMENT: 1000,
  KEY_NOT_FOUND: 1001,
  KEY_TOO_LARGE: 1002,
  VALUE_TOO_LARGE: 1003,
  INVALID_TENANT_ID: 1004,
  INVALID_KEY: 1005,
  CHECKSUM_FAILED: 1006,
  ABORTED: 1008,
  UNAUTHENTICATED: 1100,
  PERMISSION_DENIED: 1101,
  INTERNAL: 2000,
  UNAVAILABLE: 2001,
  DISK_FULL: 2002,
  DISK_THROTTLED: 2003,
  COMMIT_LOG_FAILED: 2004,
  MEMTABLE_FAILED: 2005,
  SSTABLE_FAILED: 2006,
  CORRUPTED_DATA: 2007,
  RESOURCE_EXHAUSTED: 2008,
} as const;

export type StorageErrorCode = keyof typeof storageErrorCodes;

const codesByNumber: ReadonlyMap<number, StorageErrorCode> = new Map(
  Object.entries(storageErrorCodes).map(([name, code]) => [code, name as StorageErrorCode]),
);

/** The code that travelled as this number; `undefined` for one of which this version does not know. */
export function storageErrorCodeOf(number: number): StorageErrorCode | undefined {
  return codesByNumber.get(number);
}

/** Where and why: `file` and `offset` stay in logs, `details` travels to the client. */
export interface StorageErrorContext {
  readonly file?: string;
  /** Byte offset in `file`. */
  readonly offset?: number;
  /** Told to the client; `reason` carries the name of the contract's ErrorCode where one fits. */
  readonly details?: Readonly<Record<string, string>>;
  /** Told to the client: another try is no use before. */
  readonly retryAfterMs?: number;
  /** Where the code alone would count as the node's fault: whoever called asked for more than he may. */
  readonly isCallersFault?: boolean;
  readonly cause?: unknown;
}

export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly code: StorageErrorCode;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly details: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;
  readonly isCallersFault: boolean;

  constructor(code: StorageErrorCode, message: string, context: StorageErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.file = context.file;
    this.offset = context.offset;
    this.details = context.details ?? {};
    this.retryAfterMs = context.retryAfterMs;
    this.isCallersFault = context.isCallersFault ?? false;
  }
}

/** Corruption found on disk: `DATA_LOSS` for a client, file and offset for the operator. */
export function corruption(file: string, offset: number, message: string): StorageError {
  return new StorageError("CORRUPTED_DATA", `${file} at byte ${offset}: ${message}`, { file, offset });
}

/** A bug of ours, never the caller's or the disk's fault. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/** States an invariant where it must hold. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}

/** The system's error name ("ENOSPC", "ENOENT", …) of an error that a file operation threw. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Whether something failed for want of space, which may come back. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === "DISK_FULL";
  const errno = errnoOf(error);
  return errno === "ENOSPC" || errno === "EDQUOT";
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
