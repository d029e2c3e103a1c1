/**
 * NDJSON: one JSON object per line, `{"key": …, "value": …}`.
 *
 * With the value encoding `utf8`, a value that is not UTF-8 gets the field `"encoding": "base64"` and is written
 * so; on reading, that field wins over the encoding that was asked for. Nothing is lost either way.
 */
import { StorageError } from "../../base/errors.ts";
import type { RecordFormat, TextRecord } from "./record-format.ts";
import { decodeUtf8, decodeValue, encodeBase64, encodeUtf8, type ValueEncoding } from "./text-encoding.ts";

export function ndjson(encoding: ValueEncoding): RecordFormat {
  return {
    encode: ({ key, value }) => `${JSON.stringify(fieldsOf(key, value, encoding))}\n`,
    decode: (line) => recordOf(line, encoding),
  };
}

function fieldsOf(key: string, value: Uint8Array, encoding: ValueEncoding): Record<string, string> {
  return encoding === "base64" ? { key, value: encodeBase64(value) } : { key, ...valueAsJson(value) };
}

/** Text where the value is UTF-8, else base64 that says so. */
export function valueAsJson(value: Uint8Array): { value: string; encoding?: "base64" } {
  const text = decodeUtf8(value);
  return text === undefined ? { value: encodeBase64(value), encoding: "base64" } : { value: text };
}

function recordOf(line: Uint8Array, defaultEncoding: ValueEncoding): TextRecord {
  const { key, value, encoding = defaultEncoding, ...others } = parseObject(line);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw refused(`unknown field "${unknown}"; known are key, value and encoding`);
  if (typeof key !== "string") throw refused('"key" must be a string');
  if (typeof value !== "string") throw refused('"value" must be a string');
  if (encoding !== "utf8" && encoding !== "base64") throw refused('"encoding" must be "utf8" or "base64"');
  encodeUtf8(key);
  return { key, value: decodeValue(value, encoding) };
}

function parseObject(line: Uint8Array): Record<string, unknown> {
  const text = decodeUtf8(line);
  if (text === undefined) throw refused("not UTF-8");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw refused("not JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw refused("not a JSON object");
  return { ...parsed };
}

function refused(message: string): StorageError {
  return new StorageError("INVALID_ARGUMENT", message);
}
