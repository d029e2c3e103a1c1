import type { TlsMaterial } from "../../src/http2/tls.ts";
import type { TlsSource } from "../../src/server/tls-source.ts";

/** A certificate that stays until it is set anew. */
export class SettableTls implements TlsSource {
  #current: TlsMaterial;
  readonly #listeners: ((material: TlsMaterial) => void)[] = [];

  constructor(material: TlsMaterial) {
    this.#current = material;
  }

  get current(): TlsMaterial {
    return this.#current;
  }

  onChange(listener: (material: TlsMaterial) => void): void {
    this.#listeners.push(listener);
  }

  set(material: TlsMaterial): void {
    this.#current = material;
    for (const listener of this.#listeners) listener(material);
  }
}
