/**
 * Header or trailer fields in the order of arrival. Names are lower case; a name may occur more than once. Text holds
 * one character for each byte. One list is used for one message after another.
 *
 * Pseudo-header fields come first, if at all; `hidePseudo` takes them out of sight once they were read.
 */
import { type FieldKind, fieldKinds } from "./field-rules.ts";

/** Above this a list drops its arrays when it is cleared, so that one large message does not stay in memory. */
const keptFields = 64;

export class FieldList {
  /** Pseudo-header fields at the front. */
  pseudoCount = 0;
  /** As SETTINGS_MAX_HEADER_LIST_SIZE counts: name, value and 32 for each field. */
  sizeBytes = 0;
  /** Bit k is set when a field of kind k is there beyond the pseudo-header fields at the front. */
  laterKinds = 0;
  #names: string[] = [];
  #values: string[] = [];
  #kinds: FieldKind[] = [];
  #length = 0;
  #hiddenCount = 0;

  get count(): number {
    return this.#length - this.#hiddenCount;
  }

  name(index: number): string {
    return this.#names[index + this.#hiddenCount]!;
  }

  value(index: number): string {
    return this.#values[index + this.#hiddenCount]!;
  }

  kind(index: number): FieldKind {
    return this.#kinds[index + this.#hiddenCount]!;
  }

  /** The first value of a name in lower case. */
  get(name: string): string | undefined {
    for (let i = this.#hiddenCount; i < this.#length; i++)
      if (this.#names[i] === name) return this.#values[i];
    return undefined;
  }

  add(name: string, value: string, kind: FieldKind): void {
    const index = this.#length++;
    this.#names[index] = name;
    this.#values[index] = value;
    this.#kinds[index] = kind;
    if (kind <= fieldKinds.authority && this.laterKinds === 0) this.pseudoCount++;
    else this.laterKinds |= 1 << kind;
  }

  hidePseudo(): void {
    this.#hiddenCount = this.pseudoCount;
  }

  clear(): void {
    if (this.#length > keptFields) {
      this.#names = [];
      this.#values = [];
      this.#kinds = [];
    }
    this.pseudoCount = 0;
    this.sizeBytes = 0;
    this.laterKinds = 0;
    this.#length = 0;
    this.#hiddenCount = 0;
  }
}
