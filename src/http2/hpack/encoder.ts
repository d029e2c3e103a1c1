/**
 * Encodes header blocks (RFC 7541, section 6) without the dynamic table: a field is an entry of the static table or
 * a literal that is not indexed. So a block means the same on every connection, can be made once for the answers that
 * never change, and costs no memory per connection; the price is a few bytes an answer.
 */
import { assert } from "../../base/errors.ts";
import { isSendable } from "../field-rules.ts";
import { encodeHuffman, huffmanLength } from "./huffman.ts";
import { staticIndexOfField, staticIndexOfName } from "./static-table.ts";

export type Field = readonly [name: string, value: string];

/** Says that the dynamic table has size 0, which is all that a peer with a smaller one than usual has to hear. */
export const emptyTableUpdate = 0x20;

/** At most what an integer of a block takes. */
const maxIntegerBytes = 6;

/**
 * The block of these fields: `:status` first, names in lower case, a byte for each character of a value. A field that
 * HTTP does not know is an invariant violation: it would split a message in two where somebody speaks HTTP/1.
 */
export function encodeFields(fields: readonly Field[]): Uint8Array {
  const room = fields.reduce(
    (sum, [name, value]) => sum + name.length + value.length + 3 * maxIntegerBytes,
    0,
  );
  const block = new Uint8Array(room);
  let position = 0;
  for (const [name, value] of fields) {
    assert(isSendable(name, value), `${JSON.stringify(name)} is no header field, or its value is none`);
    position = writeField(block, position, name, value);
  }
  return block.slice(0, position);
}

function writeField(target: Uint8Array, position: number, name: string, value: string): number {
  const fieldIndex = staticIndexOfField(name, value);
  if (fieldIndex !== undefined) return writeInteger(target, position, 0x80, 0x7f, fieldIndex);
  const nameIndex = staticIndexOfName.get(name) ?? 0;
  let next = writeInteger(target, position, 0x00, 0x0f, nameIndex);
  if (nameIndex === 0) next = writeString(target, next, name);
  return writeString(target, next, value);
}

/** An integer after the bits of a pattern (section 5.1); returns the position after it. */
export function writeInteger(
  target: Uint8Array,
  position: number,
  pattern: number,
  mask: number,
  value: number,
): number {
  if (value < mask) {
    target[position] = pattern | value;
    return position + 1;
  }
  target[position++] = pattern | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) target[position++] = (rest & 0x7f) | 0x80;
  target[position++] = rest;
  return position;
}

function writeString(target: Uint8Array, position: number, text: string): number {
  const encodedLength = huffmanLength(text);
  if (encodedLength < text.length) {
    return encodeHuffman(text, target, writeInteger(target, position, 0x80, 0x7f, encodedLength));
  }
  let next = writeInteger(target, position, 0x00, 0x7f, text.length);
  for (let i = 0; i < text.length; i++) target[next++] = text.charCodeAt(i);
  return next;
}
