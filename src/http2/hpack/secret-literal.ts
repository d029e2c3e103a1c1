/**
 * Remembers the last literal of one connection that must never be indexed, such as a token that comes with each of its
 * requests. Others must not be able to guess it by how long they are decoded (RFC 7541, section 7.1.3): so no two
 * connections share a memory, and the comparison takes as long wherever the difference is.
 */
import { copyRange } from "../../base/bytes.ts";
import { type FieldKind, fieldKinds } from "../field-rules.ts";
import type { LiteralMemory } from "./literal-cache.ts";

const maxEncodedBytes = 512;

export class SecretLiteral implements LiteralMemory {
  /** Made for the first one, since most connections have none. */
  #encoded: Uint8Array | undefined;
  #length = 0;
  #indexedName: string | undefined;
  #name = "";
  #value = "";
  #kind: FieldKind = fieldKinds.malformed;

  name(): string {
    return this.#name;
  }

  value(): string {
    return this.#value;
  }

  kind(): FieldKind {
    return this.#kind;
  }

  find(indexedName: string | undefined, bytes: Uint8Array, start: number, length: number): number {
    const encoded = this.#encoded;
    if (encoded === undefined || length !== this.#length || indexedName !== this.#indexedName) return -1;
    let difference = 0;
    for (let i = 0; i < length; i++) difference |= encoded[i]! ^ bytes[start + i]!;
    return difference === 0 ? 0 : -1;
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
    this.#encoded ??= new Uint8Array(maxEncodedBytes);
    copyRange(bytes, start, length, this.#encoded, 0);
    this.#length = length;
    this.#indexedName = indexedName;
    this.#name = name;
    this.#value = value;
    this.#kind = kind;
  }
}
