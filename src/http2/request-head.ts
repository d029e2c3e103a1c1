/** What the fields of a header block make together: a request, or a malformed message (RFC 9113, section 8.3). */
import type { FieldList } from "./field-list.ts";
import { type FieldKind, fieldKinds } from "./field-rules.ts";

const { method, scheme, path, authority, host, contentLength, malformed } = fieldKinds;

/** Sets of kinds, a bit for each. */
const targetKinds = (1 << scheme) | (1 << path);
const pseudoKinds = (1 << method) | targetKinds | (1 << authority);
const readKinds = (1 << host) | (1 << contentLength);

/** Lengths of more digits are no lengths. */
const maxLengthDigits = 15;

/** Where the pseudo-header fields of a request go. */
export interface RequestHead {
  method: string;
  scheme: string;
  path: string;
  authority: string;
  contentLength: number | undefined;
}

/** Reads `head` out of the fields, and leaves the others; false where they are no request. */
export function readRequestHead(fields: FieldList, head: RequestHead): boolean {
  if (!areValidTrailers(fields, fields.pseudoCount)) return false;
  let seen = 0;
  for (let i = 0; i < fields.pseudoCount; i++) {
    const kind = fields.kind(i);
    if (seen & (1 << kind)) return false;
    seen |= 1 << kind;
    setPseudo(head, kind, fields.value(i));
  }
  fields.hidePseudo();
  return hasNeeded(seen, head) && ((fields.laterKinds & readKinds) === 0 || readFields(fields, head));
}

/** Nothing malformed, and no pseudo-header fields but the allowed ones at the front. */
export function areValidTrailers(fields: FieldList, allowedPseudoCount = 0): boolean {
  if (fields.pseudoCount !== allowedPseudoCount) return false;
  return (fields.laterKinds & (pseudoKinds | (1 << malformed))) === 0;
}

function setPseudo(head: RequestHead, kind: FieldKind, value: string): void {
  if (kind === method) head.method = value;
  else if (kind === scheme) head.scheme = value;
  else if (kind === path) head.path = value;
  else head.authority = value;
}

/** CONNECT names an authority alone (section 8.5). */
function hasNeeded(seen: number, head: RequestHead): boolean {
  if (head.method === "CONNECT") return (seen & (targetKinds | (1 << authority))) === 1 << authority;
  if ((seen & (1 << method)) === 0 || (seen & targetKinds) !== targetKinds) return false;
  return head.path !== "*" || head.method === "OPTIONS";
}

/** The fields that mean something to the message itself. */
function readFields(fields: FieldList, head: RequestHead): boolean {
  let hostName: string | undefined;
  for (let i = 0; i < fields.count; i++) {
    const kind = fields.kind(i);
    const value = fields.value(i);
    if (kind === host) {
      if (hostName !== undefined && hostName !== value) return false;
      hostName = value;
    } else if (kind === contentLength && !setLength(head, value)) return false;
  }
  return hostName === undefined || agreesOnHost(head, hostName);
}

function setLength(head: RequestHead, value: string): boolean {
  const length = parseLength(value);
  if (length < 0 || (head.contentLength !== undefined && head.contentLength !== length)) return false;
  head.contentLength = length;
  return true;
}

/** -1 where it is none. */
function parseLength(digits: string): number {
  if (digits.length === 0 || digits.length > maxLengthDigits) return -1;
  let length = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/** Two names of the host that differ would let whoever checks one be deceived by the other. */
function agreesOnHost(head: RequestHead, hostName: string): boolean {
  if (head.authority === "") head.authority = hostName;
  return head.authority.toLowerCase() === hostName.toLowerCase();
}
