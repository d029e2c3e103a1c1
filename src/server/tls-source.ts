/**
 * The certificate in force, read anew when its files change: by a look at them every second, since what replaces files
 * by symbolic links (as Kubernetes does) tells nobody, or when asked.
 *
 * Invariants:
 * 1. What is in force is complete: the key is the certificate's. Files that do not fit together, as while they are
 *    being replaced, leave the earlier ones in force.
 * 2. Each change, and each new reason against one, is told once.
 */
import { messageOf } from "../base/errors.ts";
import type { TlsMaterial } from "../http2/tls.ts";
import type { Clock, Timer } from "../platform/clock.ts";

export interface TlsSource {
  readonly current: TlsMaterial;
  /** Calls with what comes into force, until the source stops. */
  onChange(listener: (material: TlsMaterial) => void): void;
}

export interface TlsFilesOptions {
  /** Reads the files. Throws a sentence for whoever runs the node where they are no good. */
  readonly read: () => TlsMaterial;
  readonly clock: Clock;
  readonly changed: (material: TlsMaterial) => void;
  readonly refused: (reason: string) => void;
}

const pollMs = 1000;

export class TlsFiles implements TlsSource {
  readonly #options: TlsFilesOptions;
  readonly #listeners: ((material: TlsMaterial) => void)[] = [];
  #current: TlsMaterial;
  #refusal: string | undefined;
  #timer: Timer;

  /** Throws what `read` does. */
  constructor(options: TlsFilesOptions) {
    this.#options = options;
    this.#current = options.read();
    this.#timer = this.#pollLater();
  }

  get current(): TlsMaterial {
    return this.#current;
  }

  onChange(listener: (material: TlsMaterial) => void): void {
    this.#listeners.push(listener);
  }

  /** Looks at the files now. */
  reload(): void {
    let material: TlsMaterial;
    try {
      material = this.#options.read();
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#refusal) this.#options.refused(reason);
      this.#refusal = reason;
      return;
    }
    this.#refusal = undefined;
    if (isSame(material, this.#current)) return;
    this.#current = material;
    this.#options.changed(material);
    for (const listener of this.#listeners) listener(material);
  }

  stop(): void {
    this.#timer.cancel();
  }

  #pollLater(): Timer {
    return this.#options.clock.after(pollMs, () => {
      // Before anything that could throw, so that the next look comes.
      this.#timer = this.#pollLater();
      this.reload();
    });
  }
}

function isSame(one: TlsMaterial, other: TlsMaterial): boolean {
  return (
    one.key === other.key &&
    one.certificate === other.certificate &&
    one.clients?.authority === other.clients?.authority
  );
}
