import { StorageError } from "../base/errors.ts";

/** A failure that says at which place of a list, counted from 0, it happened. */
export function atPlace(list: string, index: number, error: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  const { code, message, file, offset, isCallersFault } = error;
  return new StorageError(code, `${list}[${index}]: ${message}`, {
    details: { ...error.details, index: String(index) },
    isCallersFault,
    ...(file === undefined ? {} : { file }),
    ...(offset === undefined ? {} : { offset }),
    cause: error,
  });
}
