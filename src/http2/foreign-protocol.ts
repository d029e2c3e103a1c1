/** What to say to a client that does not speak HTTP/2, in the protocol that it seems to speak. */
import type { RefusalReason } from "./observer.ts";

const tlsHandshake = 0x16;

/** A fatal alert of TLS, "handshake failure", which ends what began as a TLS hello. */
const tlsAlert = Uint8Array.of(0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28);

/** Only so much of the first bytes is looked at. */
const requestLineBytes = 200;

const http1RequestLine = /^[A-Z]+ \S* HTTP\/1/;

export interface Refusal {
  readonly reason: RefusalReason;
  readonly answer: Uint8Array;
}

/** `undefined` where the bytes are no protocol that we know. `explanation` is one line for who speaks HTTP/1. */
export function refuseForeign(
  bytes: Uint8Array,
  start: number,
  length: number,
  explanation: string,
): Refusal | undefined {
  if (bytes[start] === tlsHandshake) return { reason: "tls_on_plain_port", answer: tlsAlert };
  const end = start + Math.min(length, requestLineBytes);
  const line = Buffer.prototype.latin1Slice.call(bytes, start, end);
  return http1RequestLine.test(line) ? { reason: "http1", answer: http1Answer(explanation) } : undefined;
}

export function http1Answer(explanation: string): Uint8Array {
  const body = `${explanation}\n`;
  const head = [
    "HTTP/1.1 400 Bad Request",
    "content-type: text/plain; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}
