/**
 * A mapping that its owner gives back.
 *
 * The garbage collector would unmap late or never, so the mapping is ended by detaching its buffer. A view that is
 * left over then reads `undefined`, which hides a bug; the `bytes` getter throws instead.
 */
import { InvariantViolation } from "../base/errors.ts";
import type { MappedFile } from "./file-system.ts";

/** What a map needs of the file system that made it; without `isResident` all is in memory. */
export interface MapHost {
  onUnmap?(): void;
  isResident?(bytes: Uint8Array, offset: number, length: number): boolean;
  prefetch?(bytes: Uint8Array, offset: number, length: number): void;
}

export class MappedBytes implements MappedFile {
  readonly path: string;
  #bytes: Uint8Array | undefined;
  readonly #host: MapHost;

  /** Takes over `bytes` and the whole of its buffer. */
  constructor(path: string, bytes: Uint8Array<ArrayBuffer>, host: MapHost = {}) {
    this.path = path;
    this.#bytes = bytes;
    this.#host = host;
  }

  get bytes(): Uint8Array {
    const bytes = this.#bytes;
    if (bytes === undefined) throw new InvariantViolation(`read through the released map of ${this.path}`);
    return bytes;
  }

  unmap(): void {
    if (this.#bytes === undefined) return;
    const buffer = this.#bytes.buffer as ArrayBuffer;
    this.#bytes = undefined;
    buffer.transfer(0);
    this.#host.onUnmap?.();
  }

  isResident(offset: number, length: number): boolean {
    return this.#host.isResident?.(this.bytes, offset, length) ?? true;
  }

  prefetch(offset: number, length: number): void {
    this.#host.prefetch?.(this.bytes, offset, length);
  }
}
