/** What the fields of a header block make together: a request, or a malformed message (RFC 9113, section 8.3). */
import type { FieldList } from "./field-list.ts";
import { type FieldKind, fieldKinds } from "./field-rules.ts";

const { method, scheme, path, authority, host, contentLength, malformed } = fieldKinds;

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

/** Moves what is not a field of its own from `all` to `head` and the rest to `fields`; false where it is malformed. */
export function readRequestHead(all: FieldList, fields: FieldList, head: RequestHead): boolean {
  let seen = 0;
  let i = 0;
  for (; i < all.count && all.kind(i) <= authority; i++) {
    const kind = all.kind(i);
    if (seen & (1 << kind)) return false;
    seen |= 1 << kind;
    setPseudo(head, kind, all.value(i));
  }
  if (!hasNeeded(seen, head)) return false;
  let hostName: string | undefined;
  for (; i < all.count; i++) {
    const kind = all.kind(i);
    const value = all.value(i);
    if (kind === malformed || kind <= authority) return false;
    if (kind === host) {
      if (hostName !== undefined && hostName !== value) return false;
      hostName = value;
    } else if (kind === contentLength && !setLength(head, value)) return false;
    fields.add(all.name(i), value, kind);
  }
  return hostName === undefined || agreesOnHost(head, hostName);
}

/** Trailers have no pseudo-header fields. */
export function areValidTrailers(fields: FieldList): boolean {
  for (let i = 0; i < fields.count; i++) {
    const kind = fields.kind(i);
    if (kind === malformed || kind <= authority) return false;
  }
  return true;
}

function setPseudo(head: RequestHead, kind: FieldKind, value: string): void {
  if (kind === method) head.method = value;
  else if (kind === scheme) head.scheme = value;
  else if (kind === path) head.path = value;
  else head.authority = value;
}

/** CONNECT names an authority alone (section 8.5); of the others, an authority may stand in `host`. */
function hasNeeded(seen: number, head: RequestHead): boolean {
  const hasTarget = (seen & (1 << scheme)) !== 0 && (seen & (1 << path)) !== 0;
  if (head.method === "CONNECT") {
    return (seen & (1 << authority)) !== 0 && (seen & ((1 << scheme) | (1 << path))) === 0;
  }
  return (seen & (1 << method)) !== 0 && hasTarget && (head.path !== "*" || head.method === "OPTIONS");
}

function setLength(head: RequestHead, value: string): boolean {
  if (value.length > maxLengthDigits || !/^\d+$/.test(value)) return false;
  const length = Number(value);
  if (head.contentLength !== undefined && head.contentLength !== length) return false;
  head.contentLength = length;
  return true;
}

/** Two names of the host that differ would let whoever checks one be deceived by the other. */
function agreesOnHost(head: RequestHead, hostName: string): boolean {
  if (head.authority === "") head.authority = hostName;
  return head.authority.toLowerCase() === hostName.toLowerCase();
}
