/** Strict conversions between bytes and text: what does not convert exactly is refused, never replaced. */
import { StorageError } from "../../base/errors.ts";

/** How a value's bytes are written in text. */
export type ValueEncoding = "utf8" | "base64";

const encoder = new TextEncoder();
/** A byte-order mark is part of the value like any other bytes. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of bytes, or undefined where they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Throws on half of a surrogate pair, which has no bytes. */
export function encodeUtf8(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text);
  throw new StorageError("INVALID_ARGUMENT", "the text holds half of a surrogate pair");
}

export function encodeBase64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

/** Throws on anything but base64 with its padding. */
export function decodeBase64(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch (cause) {
    throw new StorageError("INVALID_ARGUMENT", "the value is not base64", { cause });
  }
}

export function decodeValue(text: string, encoding: ValueEncoding): Uint8Array {
  return encoding === "base64" ? decodeBase64(text) : encodeUtf8(text);
}
