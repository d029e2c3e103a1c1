/** Bytes on their way into a socket that takes what it has room for. */

/** Of a socket: what can take bytes. */
export interface ByteSink {
  /** How many it has taken, from `offset` on. */
  write(bytes: Uint8Array, offset: number): number;
}

export class PendingBytes {
  readonly #bytes: Uint8Array;
  #written = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Writes on; true once all is handed over. To be called again when the socket has room. */
  writeTo(sink: ByteSink): boolean {
    while (this.#written < this.#bytes.length) {
      const count = sink.write(this.#bytes, this.#written);
      if (count <= 0) return false;
      this.#written += count;
    }
    return true;
  }
}
