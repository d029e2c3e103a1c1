/**
 * Encodes request fields as gRPC's Go client does: whatever the tables do not hold joins the dynamic one, so a value
 * that is new in each call pushes older entries out. No Huffman, which saves bytes and costs time.
 */
import { entryOverheadBytes } from "../http2/hpack/dynamic-table.ts";
import { writeInteger } from "../http2/hpack/encoder.ts";
import { staticIndexOfField, staticIndexOfName, staticTableSize } from "../http2/hpack/static-table.ts";
import { defaultTableBytes } from "../http2/settings.ts";

export class HpackEncoder {
  /** By name and value: the number of its insertion, counted from 1. */
  readonly #numbers = new Map<string, number>();
  /** Of all entries, the oldest first. */
  readonly #entries: { readonly id: string; readonly bytes: number }[] = [];
  #insertionCount = 0;
  #sizeBytes = 0;

  /** Returns the position after the field. Names and values are short ASCII. */
  write(target: Uint8Array, position: number, name: string, value: string): number {
    const staticIndex = staticIndexOfField(name, value);
    if (staticIndex !== undefined) return writeInteger(target, position, 0x80, 0x7f, staticIndex);
    const id = `${name}:${value}`;
    const number = this.#numbers.get(id);
    if (number !== undefined) {
      return writeInteger(target, position, 0x80, 0x7f, staticTableSize + 1 + this.#insertionCount - number);
    }
    const nameIndex = staticIndexOfName.get(name) ?? 0;
    let next = writeInteger(target, position, 0x40, 0x3f, nameIndex);
    if (nameIndex === 0) next = writeText(target, next, name);
    next = writeText(target, next, value);
    this.#add(id, name.length + value.length + entryOverheadBytes);
    return next;
  }

  #add(id: string, bytes: number): void {
    this.#sizeBytes += bytes;
    while (this.#sizeBytes > defaultTableBytes) {
      const oldest = this.#entries.shift()!;
      this.#sizeBytes -= oldest.bytes;
      this.#numbers.delete(oldest.id);
    }
    this.#entries.push({ id, bytes });
    this.#numbers.set(id, ++this.#insertionCount);
  }
}

function writeText(target: Uint8Array, position: number, text: string): number {
  let next = writeInteger(target, position, 0, 0x7f, text.length);
  for (let i = 0; i < text.length; i++) target[next++] = text.charCodeAt(i);
  return next;
}
