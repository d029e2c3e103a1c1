/**
 * Text as UTF-8 bytes inside larger buffers.
 *
 * The loops take the usual case, short ASCII, without creating a view; the rest goes to the runtime's encoder.
 * Callers pass well-formed text only: a lone surrogate has no UTF-8 form.
 */
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to here a text is taken unit by unit; beyond, a call into the runtime is faster. */
const shortTextBytes = 12;

/** Bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  if (text.length > shortTextBytes) return Buffer.byteLength(text, "utf8");
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text, "utf8");
  }
  return text.length;
}

/** Writes `text` at `position`, where room is known to be; returns the position after it. */
export function writeUtf8(target: Uint8Array, position: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) {
      const rest = i === 0 ? text : text.slice(i);
      return position + i + encoder.encodeInto(rest, target.subarray(position + i)).written;
    }
    target[position + i] = unit;
  }
  return position + text.length;
}

/** The text of a range; `undefined` where it is not valid UTF-8. */
export function readUtf8(bytes: Uint8Array, start: number, length: number): string | undefined {
  const end = start + length;
  let allBits = 0;
  for (let i = start; i < end; i++) allBits |= bytes[i]!;
  if (allBits >= 0x80) return decode(bytes, start, length);
  if (length > shortTextBytes) return Buffer.prototype.latin1Slice.call(bytes, start, end);
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

function decode(bytes: Uint8Array, start: number, length: number): string | undefined {
  try {
    return decoder.decode(bytes.subarray(start, start + length));
  } catch {
    return undefined;
  }
}

/** Orders two texts as their UTF-8 bytes order: < 0, 0 or > 0. */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) return codePointOrder(unitA) - codePointOrder(unitB);
  }
  return a.length - b.length;
}

/** Code units ordered as their code points are: surrogates stand for what lies above U+FFFF. */
function codePointOrder(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The range as text in quotes, escaped so that it stays on its line; in hexadecimal where it is not UTF-8. */
export function quoteUtf8(bytes: Uint8Array, start: number, length: number): string {
  const text = readUtf8(bytes, start, length);
  return text === undefined ? `0x${bytes.slice(start, start + length).toHex()}` : JSON.stringify(text);
}
