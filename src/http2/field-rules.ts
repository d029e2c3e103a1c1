/**
 * Which header fields may stand in a request (RFC 9113, section 8.2): each field is judged once, when its text is
 * first seen, and the verdict travels with it through the dynamic table.
 */

/** What a field means for the message that carries it. Kinds up to `authority` are pseudo-header fields. */
export const fieldKinds = {
  method: 0,
  scheme: 1,
  path: 2,
  authority: 3,
  regular: 4,
  host: 5,
  contentLength: 6,
  /** Makes the message malformed wherever it stands. */
  malformed: 7,
} as const;

export type FieldKind = (typeof fieldKinds)[keyof typeof fieldKinds];

const { malformed } = fieldKinds;

const kindsByName: ReadonlyMap<string, FieldKind> = new Map([
  [":method", fieldKinds.method],
  [":scheme", fieldKinds.scheme],
  [":path", fieldKinds.path],
  [":authority", fieldKinds.authority],
  ["host", fieldKinds.host],
  ["content-length", fieldKinds.contentLength],
  // What concerns one connection alone is said by frames here (section 8.2.2).
  ["connection", malformed],
  ["proxy-connection", malformed],
  ["keep-alive", malformed],
  ["transfer-encoding", malformed],
  ["upgrade", malformed],
]);

/** For each character whether a name may have it: those of a token, without capitals. */
const isNameCharacter = characterSet("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz");

const methodPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const schemePattern = /^[A-Za-z][A-Za-z0-9+\-.]*$/;

/** `name` and `value` hold one character for each byte. */
export function classifyField(name: string, value: string): FieldKind {
  if (!isValidValue(value)) return malformed;
  if (name.charCodeAt(0) === 0x3a) return classifyPseudo(name, value);
  if (!isValidName(name)) return malformed;
  const kind = kindsByName.get(name);
  if (kind !== undefined) return kind;
  // TE may say one thing only (section 8.2.2).
  return name === "te" && value.toLowerCase() !== "trailers" ? malformed : fieldKinds.regular;
}

/** Whether a response may carry the field. */
export function isSendable(name: string, value: string): boolean {
  if (!isValidValue(value) || (name !== ":status" && !isValidName(name))) return false;
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0xff) return false;
  return true;
}

function classifyPseudo(name: string, value: string): FieldKind {
  const kind = kindsByName.get(name) ?? malformed;
  if (kind === fieldKinds.method && !methodPattern.test(value)) return malformed;
  if (kind === fieldKinds.scheme && !schemePattern.test(value)) return malformed;
  if (kind === fieldKinds.authority && value.includes("@")) return malformed;
  if (kind === fieldKinds.path && !isValidPath(value)) return malformed;
  return kind;
}

/** An empty path is found in the message, where CONNECT has none. */
function isValidPath(path: string): boolean {
  if (path !== "*" && path.charCodeAt(0) !== 0x2f) return false;
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    if (unit <= 0x20 || unit === 0x23 || unit === 0x7f) return false;
  }
  return true;
}

function isValidName(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (isNameCharacter[name.charCodeAt(i)] !== 1) return false;
  return name !== "";
}

/** No NUL, LF or CR anywhere, and no blank at either end (section 8.2.1). */
function isValidValue(value: string): boolean {
  const length = value.length;
  if (length === 0) return true;
  for (let i = 0; i < length; i++) {
    const unit = value.charCodeAt(i);
    if (unit <= 0x0d && (unit === 0x00 || unit === 0x0a || unit === 0x0d)) return false;
  }
  return !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(length - 1));
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x09;
}

function characterSet(characters: string): Uint8Array {
  const set = new Uint8Array(256);
  for (let i = 0; i < characters.length; i++) set[characters.charCodeAt(i)] = 1;
  return set;
}
