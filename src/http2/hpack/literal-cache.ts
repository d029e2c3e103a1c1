/**
 * Remembers the text of literals that come again and again although they could be indexed: many clients spell out the
 * path and the length of every request. Decoding and judging one costs more than all indexed fields of a request.
 *
 * A literal is known by its bytes as they were sent: of its value, beside an indexed name, or of both. Each has one
 * place, by a hash, where a newer one pushes it out. The decoder of every connection looks here; literals that must never
 * be indexed are not kept.
 */
import { copyRange } from "../../base/bytes.ts";
import { type FieldKind, fieldKinds } from "../field-rules.ts";

const places = 256;
const maxEncodedBytes = 64;

/** Literals that are known by their bytes as they were sent. */
export interface LiteralMemory {
  /** The place of this literal; -1 where it is not known. `indexedName` is undefined where the bytes begin with the name. */
  find(indexedName: string | undefined, bytes: Uint8Array, start: number, length: number): number;
  /** Keeps what `find` did not. */
  keep(
    indexedName: string | undefined,
    bytes: Uint8Array,
    start: number,
    length: number,
    name: string,
    value: string,
    kind: FieldKind,
  ): void;
  name(place: number): string;
  value(place: number): string;
  kind(place: number): FieldKind;
}

export class LiteralCache implements LiteralMemory {
  readonly #encoded = new Uint8Array(places * maxEncodedBytes);
  readonly #lengths = new Uint8Array(places);
  /** Undefined where the name is among the encoded bytes. */
  readonly #indexedNames = Array.from({ length: places }, (): string | undefined => undefined);
  readonly #names = Array.from({ length: places }, () => "");
  readonly #values = Array.from({ length: places }, () => "");
  readonly #kinds: FieldKind[] = Array.from({ length: places }, () => fieldKinds.malformed);

  name(place: number): string {
    return this.#names[place]!;
  }

  value(place: number): string {
    return this.#values[place]!;
  }

  kind(place: number): FieldKind {
    return this.#kinds[place]!;
  }

  find(indexedName: string | undefined, bytes: Uint8Array, start: number, length: number): number {
    if (length > maxEncodedBytes) return -1;
    const place = placeOf(bytes, start, length);
    if (this.#lengths[place] !== length || this.#indexedNames[place] !== indexedName) return -1;
    const encoded = place * maxEncodedBytes;
    for (let i = 0; i < length; i++) if (this.#encoded[encoded + i] !== bytes[start + i]) return -1;
    return place;
  }

  keep(
    indexedName: string | undefined,
    bytes: Uint8Array,
    start: number,
    length: number,
    name: string,
    value: string,
    kind: FieldKind,
  ): void {
    if (length > maxEncodedBytes) return;
    const place = placeOf(bytes, start, length);
    this.#lengths[place] = length;
    this.#indexedNames[place] = indexedName;
    this.#names[place] = name;
    this.#values[place] = value;
    this.#kinds[place] = kind;
    copyRange(bytes, start, length, this.#encoded, place * maxEncodedBytes);
  }
}

/** FNV-1a, folded. */
function placeOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ (hash >>> 16)) & (places - 1);
}
