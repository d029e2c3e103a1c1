/**
 * The certificate in force, read anew when its files change.
 *
 * Invariants:
 * 1. What is in force is complete: the key is the certificate's. Files that do not fit together, as while they are
 *    being replaced, leave the earlier ones in force.
 * 2. Each change is told once.
 */
import { messageOf } from "../base/errors.ts";
import type { TlsMaterial } from "../http2/tls.ts";
import type { Clock } from "../platform/clock.ts";
import { WatchedFiles } from "../platform/watched-files.ts";

export interface TlsSource {
  readonly current: TlsMaterial;
  /** Calls with what comes into force, until the source stops. */
  onChange(listener: (material: TlsMaterial) => void): void;
}

export interface TlsFilesOptions {
  /** Reads the files. Throws a sentence for whoever runs the node where they are no good. */
  readonly read: () => TlsMaterial;
  /** Changes whenever one of the files does. */
  readonly fingerprint: () => string;
  readonly clock: Clock;
  readonly changed: (material: TlsMaterial) => void;
  readonly refused: (reason: string) => void;
}

export class TlsFiles implements TlsSource {
  readonly #files: WatchedFiles<TlsMaterial>;
  readonly #listeners: ((material: TlsMaterial) => void)[] = [];

  /** Throws what `read` does. */
  constructor({ read, fingerprint, clock, changed, refused }: TlsFilesOptions) {
    this.#files = new WatchedFiles({
      read,
      fingerprint,
      clock,
      changed: (material, former) => {
        if (isSame(material, former)) return;
        changed(material);
        for (const listener of this.#listeners) listener(material);
      },
      refused: (error) => refused(messageOf(error)),
    });
  }

  get current(): TlsMaterial {
    return this.#files.current;
  }

  onChange(listener: (material: TlsMaterial) => void): void {
    this.#listeners.push(listener);
  }

  /** Looks at the files now. */
  reload(): void {
    this.#files.reload();
  }

  stop(): void {
    this.#files.stop();
  }
}

function isSame(one: TlsMaterial, other: TlsMaterial): boolean {
  return (
    one.key === other.key &&
    one.certificate === other.certificate &&
    one.clients?.authority === other.clients?.authority
  );
}
