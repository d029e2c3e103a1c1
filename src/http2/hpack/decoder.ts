/**
 * Decodes header blocks (RFC 7541, section 6). The first bits of a representation say what it is:
 *
 *     1xxxxxxx  an entry of the tables, by index
 *     01xxxxxx  a literal that joins the dynamic table; its name by index, or spelled out where that is 0
 *     001xxxxx  a new size of the dynamic table; only at the start of a block
 *     0001xxxx  a literal that must never be indexed: a secret
 *     0000xxxx  a literal that is not indexed
 *
 * Invariants:
 * 1. A block is decoded to its end even when its list is too large, since the tables of both sides must stay equal.
 * 2. What is kept of a block is at most `maxListBytes`; what is decoded of a string at most what its block can hold.
 */
import type { FieldList } from "../field-list.ts";
import { classifyField, type FieldKind } from "../field-rules.ts";
import { DynamicTable, entryOverheadBytes } from "./dynamic-table.ts";
import { decodeHuffman, maxDecodedLength } from "./huffman.ts";
import { LiteralCache, type LiteralMemory } from "./literal-cache.ts";
import { SecretLiteral } from "./secret-literal.ts";
import { staticKinds, staticNames, staticTableSize, staticValues } from "./static-table.ts";

/** Of an integer: 2^28 and more is nothing that a block could mean. */
const maxContinuationBytes = 4;

const invalid = -1;

/** Strings up to here are made of their characters one by one, which beats a call into the runtime. */
const shortStringBytes = 8;

/** Decoded Huffman strings, one at a time; all decoders share it. */
let scratch = new Uint8Array(1024);

const literals = new LiteralCache();

export class HpackDecoder {
  /** Entries that ever joined the dynamic table. */
  insertionCount = 0;
  readonly #table: DynamicTable;
  readonly #secret = new SecretLiteral();
  readonly #tableLimitBytes: number;
  readonly #maxListBytes: number;
  /** Of the block being decoded. */
  #bytes: Uint8Array = scratch;
  #position = 0;
  #end = 0;
  /** Of the string being decoded. */
  #isHuffman = false;
  #stringLength = 0;

  /** `tableLimitBytes` is our SETTINGS_HEADER_TABLE_SIZE, `maxListBytes` our SETTINGS_MAX_HEADER_LIST_SIZE. */
  constructor(tableLimitBytes: number, maxListBytes: number) {
    this.#table = new DynamicTable(tableLimitBytes);
    this.#tableLimitBytes = tableLimitBytes;
    this.#maxListBytes = maxListBytes;
  }

  /**
   * Adds the fields of a whole block to `list`; those beyond `maxListBytes` are counted and left out. False when the
   * block is invalid: then the tables are lost, and with them the connection (COMPRESSION_ERROR).
   */
  decode(bytes: Uint8Array, start: number, length: number, list: FieldList): boolean {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = start + length;
    while (this.#position < this.#end && bytes[this.#position]! >>> 5 === 0b001) {
      if (!this.#readTableSize()) return false;
    }
    while (this.#position < this.#end) {
      const first = bytes[this.#position]!;
      const isValid = first & 0x80 ? this.#readIndexed(list) : this.#readLiteral(first, list);
      if (!isValid) return false;
    }
    return true;
  }

  isTooLarge(list: FieldList): boolean {
    return list.sizeBytes > this.#maxListBytes;
  }

  #readTableSize(): boolean {
    const size = this.#readInteger(0x1f);
    if (size === invalid || size > this.#tableLimitBytes) return false;
    this.#table.resize(size);
    return true;
  }

  #readIndexed(list: FieldList): boolean {
    const index = this.#readInteger(0x7f);
    if (index <= 0) return false;
    if (index <= staticTableSize) {
      this.#keep(list, staticNames[index]!, staticValues[index]!, staticKinds[index]! as FieldKind);
      return true;
    }
    const entry = index - staticTableSize - 1;
    if (entry >= this.#table.count) return false;
    this.#keep(list, this.#table.name(entry), this.#table.value(entry), this.#table.kind(entry));
    return true;
  }

  #readLiteral(first: number, list: FieldList): boolean {
    const isIndexed = (first & 0x40) !== 0;
    // A size of the table is no literal, and too late here.
    if (!isIndexed && first & 0x20) return false;
    const index = this.#readInteger(isIndexed ? 0x3f : 0x0f);
    if (!isIndexed) return this.#readRemembered(first & 0x10 ? this.#secret : literals, index, list);
    const name = index === 0 ? this.#readString() : this.#nameAt(index);
    if (name === undefined) return false;
    const value = this.#readString();
    if (value === undefined) return false;
    const kind = classifyField(name, value);
    this.#table.add(name, value, kind);
    this.insertionCount++;
    this.#keep(list, name, value, kind);
    return true;
  }

  /** A literal that does not join the table, and that may be known. */
  #readRemembered(memory: LiteralMemory, nameIndex: number, list: FieldList): boolean {
    const indexedName = nameIndex === 0 ? undefined : this.#nameAt(nameIndex);
    if (nameIndex !== 0 && indexedName === undefined) return false;
    const start = this.#position;
    if ((nameIndex === 0 && !this.#skipString()) || !this.#skipString()) return false;
    const length = this.#position - start;
    const place = memory.find(indexedName, this.#bytes, start, length);
    if (place >= 0) {
      this.#keep(list, memory.name(place), memory.value(place), memory.kind(place));
      return true;
    }
    this.#position = start;
    const name = indexedName ?? this.#readString();
    const value = name === undefined ? undefined : this.#readString();
    if (name === undefined || value === undefined) return false;
    const kind = classifyField(name, value);
    memory.keep(indexedName, this.#bytes, start, length, name, value, kind);
    this.#keep(list, name, value, kind);
    return true;
  }

  #nameAt(index: number): string | undefined {
    if (index === invalid) return undefined;
    if (index <= staticTableSize) return staticNames[index];
    const entry = index - staticTableSize - 1;
    return entry < this.#table.count ? this.#table.name(entry) : undefined;
  }

  #keep(list: FieldList, name: string, value: string, kind: FieldKind): void {
    list.sizeBytes += name.length + value.length + entryOverheadBytes;
    if (list.sizeBytes <= this.#maxListBytes) list.add(name, value, kind);
  }

  /** Section 5.1; `mask` has the bits of the prefix. */
  #readInteger(mask: number): number {
    let value = this.#bytes[this.#position++]! & mask;
    if (value < mask) return value;
    for (let i = 0; i < maxContinuationBytes; i++) {
      if (this.#position >= this.#end) return invalid;
      const byte = this.#bytes[this.#position++]!;
      value += (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    return invalid;
  }

  /** Section 5.2. */
  #readString(): string | undefined {
    return this.#readStringHead() ? this.#readStringBody() : undefined;
  }

  #skipString(): boolean {
    if (!this.#readStringHead()) return false;
    this.#position += this.#stringLength;
    return true;
  }

  /** How the string is coded, and its length, which the block has room for. */
  #readStringHead(): boolean {
    if (this.#position >= this.#end) return false;
    this.#isHuffman = this.#bytes[this.#position]! >= 0x80;
    this.#stringLength = this.#readInteger(0x7f);
    return this.#stringLength !== invalid && this.#stringLength <= this.#end - this.#position;
  }

  #readStringBody(): string | undefined {
    const start = this.#position;
    const length = this.#stringLength;
    this.#position += length;
    if (!this.#isHuffman) return latin1(this.#bytes, start, length);
    if (maxDecodedLength(length) > scratch.length) scratch = new Uint8Array(2 * maxDecodedLength(length));
    const decodedLength = decodeHuffman(this.#bytes, start, length, scratch);
    return decodedLength === invalid ? undefined : latin1(scratch, 0, decodedLength);
  }
}

function latin1(bytes: Uint8Array, start: number, length: number): string {
  if (length > shortStringBytes) return Buffer.prototype.latin1Slice.call(bytes, start, start + length);
  let text = "";
  for (let i = start; i < start + length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
