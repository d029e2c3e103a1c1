/**
 * Header or trailer fields in the order of arrival. Names are lower case; a name may occur more than once. Text holds
 * one character for each byte. One list is used for one message after another.
 */
import type { FieldKind } from "./field-rules.ts";

/** Above this a list drops its arrays when it is cleared, so that one large message does not stay in memory. */
const keptFields = 64;

export class FieldList {
  count = 0;
  /** As SETTINGS_MAX_HEADER_LIST_SIZE counts: name, value and 32 for each field. */
  sizeBytes = 0;
  #names: string[] = [];
  #values: string[] = [];
  #kinds: FieldKind[] = [];

  name(index: number): string {
    return this.#names[index]!;
  }

  value(index: number): string {
    return this.#values[index]!;
  }

  kind(index: number): FieldKind {
    return this.#kinds[index]!;
  }

  /** The first value of a name in lower case. */
  get(name: string): string | undefined {
    for (let i = 0; i < this.count; i++) if (this.#names[i] === name) return this.#values[i];
    return undefined;
  }

  add(name: string, value: string, kind: FieldKind): void {
    const index = this.count++;
    this.#names[index] = name;
    this.#values[index] = value;
    this.#kinds[index] = kind;
  }

  clear(): void {
    if (this.count > keptFields) {
      this.#names = [];
      this.#values = [];
      this.#kinds = [];
    }
    this.count = 0;
    this.sizeBytes = 0;
  }
}
