/**
 * TSV: key, tab, value, line feed; no header.
 *
 * A tab is written `\t`, a line feed `\n`, a carriage return `\r`, a backslash `\\`, and any other byte that is no
 * printable UTF-8 `\xHH`. So every value has a line, and comes back byte for byte. With the value encoding
 * `base64` the value is base64 and needs no escapes.
 */
import { StorageError } from "../../base/errors.ts";
import type { RecordFormat, TextRecord } from "./record-format.ts";
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, type ValueEncoding } from "./text-encoding.ts";

const tab = 0x09;
const carriageReturn = 0x0d;
const backslash = 0x5c;

const namedEscapes: Readonly<Record<string, string>> = {
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  "\\": "\\\\",
};
const bytesOfEscape: Readonly<Record<string, number>> = {
  t: tab,
  n: 0x0a,
  r: carriageReturn,
  "\\": backslash,
};

export function tsv(encoding: ValueEncoding): RecordFormat {
  return {
    encode({ key, value }) {
      const text = encoding === "base64" ? encodeBase64(value) : escapeBytes(value);
      return `${escapeText(key)}\t${text}\n`;
    },
    decode: (line) => recordOf(line, encoding),
  };
}

function recordOf(line: Uint8Array, encoding: ValueEncoding): TextRecord {
  const separator = line.indexOf(tab);
  if (separator === -1) throw refused("no tab between key and value");
  if (line.includes(tab, separator + 1)) throw refused("more than one tab; write a tab in a value as \\t");
  const key = decodeUtf8(unescapeBytes(line.subarray(0, separator)));
  if (key === undefined) throw refused("the key is not UTF-8");
  const value = unescapeBytes(line.subarray(separator + 1));
  if (encoding === "utf8") return { key, value };
  return { key, value: decodeBase64(decodeUtf8(value) ?? "?") };
}

/** Also right for what is printed on a terminal: no control character passes. */
export function escapeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  return text.replace(/[\\\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return namedEscapes[character] ?? escapeEach(encodeUtf8(character));
  });
}

/** Text where the bytes are UTF-8, `\xHH` for each byte where they are not. */
export function escapeBytes(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text !== undefined) return escapeText(text);
  const ascii = Array.from(bytes, (byte) =>
    byte < 0x80 ? escapeText(String.fromCharCode(byte)) : escapeEach(Uint8Array.of(byte)),
  );
  return ascii.join("");
}

function escapeEach(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

function unescapeBytes(text: Uint8Array): Uint8Array {
  if (text.includes(carriageReturn)) throw refused("a bare carriage return; write it as \\r");
  if (!text.includes(backslash)) return text.slice();
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== backslash) {
      bytes[length++] = text[i]!;
      continue;
    }
    const name = String.fromCharCode(text[++i] ?? 0);
    const named = bytesOfEscape[name];
    if (named !== undefined) {
      bytes[length++] = named;
      continue;
    }
    const digits = String.fromCharCode(...text.subarray(i + 1, i + 3));
    if (name !== "x" || !/^[0-9a-fA-F]{2}$/.test(digits)) {
      throw refused(`"\\${name}" is no escape; known are \\t, \\n, \\r, \\\\ and \\xHH`);
    }
    bytes[length++] = Number.parseInt(digits, 16);
    i += 2;
  }
  return bytes.slice(0, length);
}

function refused(message: string): StorageError {
  return new StorageError("INVALID_ARGUMENT", message);
}
