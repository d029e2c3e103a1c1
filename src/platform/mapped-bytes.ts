/**
 * A mapping that its owner gives back.
 *
 * The garbage collector would unmap late or never, so the mapping is ended by detaching its buffer. A view that is
 * left over then reads `undefined`, which hides a bug; the `bytes` getter throws instead.
 */
import { InvariantViolation } from "../base/errors.ts";
import type { MappedFile } from "./file-system.ts";

export class MappedBytes implements MappedFile {
  readonly path: string;
  #bytes: Uint8Array | undefined;
  readonly #onUnmap: (() => void) | undefined;

  /** Takes over `bytes` and the whole of its buffer. */
  constructor(path: string, bytes: Uint8Array<ArrayBuffer>, onUnmap?: () => void) {
    this.path = path;
    this.#bytes = bytes;
    this.#onUnmap = onUnmap;
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
    this.#onUnmap?.();
  }
}
