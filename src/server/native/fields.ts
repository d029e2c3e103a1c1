/** Header fields between HTTP/2 and what the handlers speak. */
import type { Fields } from "../../http2/api.ts";
import { encodeFields } from "../../http2/hpack/encoder.ts";

/** Belong to one connection of HTTP/1 and are forbidden in HTTP/2 (RFC 9113, section 8.2.2). */
const connectionFields: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

export function headersOf(fields: Fields): Headers {
  const headers = new Headers();
  for (let index = 0; index < fields.count; index++) headers.append(fields.name(index), fields.value(index));
  return headers;
}

/** The block of a response's head. */
export function responseBlock(status: number, headers: Headers): Uint8Array {
  const fields: [string, string][] = [[":status", String(status)]];
  for (const [name, value] of headers) if (!connectionFields.has(name)) fields.push([name, value]);
  return encodeFields(fields);
}

export function trailerBlock(trailers: Headers): Uint8Array {
  return encodeFields([...trailers]);
}
