/** Where the bytes of a stream of framed messages stand: between two of them or inside one. */
import { readUint32BigEndian } from "../base/integers.ts";
import { envelopePrefixBytes } from "./envelope.ts";

export class MessageProgress {
  /** Messages that have come whole. */
  wholeCount = 0;
  readonly #prefix = new Uint8Array(envelopePrefixBytes);
  #prefixLength = 0;
  #missingBytes = 0;

  get isInsideMessage(): boolean {
    return this.#prefixLength > 0 || this.#missingBytes > 0;
  }

  /** The stream's next bytes. */
  take(bytes: Uint8Array): void {
    let position = 0;
    while (position < bytes.length) {
      if (this.#missingBytes > 0) {
        const takenBytes = Math.min(this.#missingBytes, bytes.length - position);
        position += takenBytes;
        this.#missingBytes -= takenBytes;
      } else {
        this.#prefix[this.#prefixLength++] = bytes[position++]!;
        if (this.#prefixLength < envelopePrefixBytes) continue;
        this.#prefixLength = 0;
        this.#missingBytes = readUint32BigEndian(this.#prefix, 1);
      }
      if (this.#missingBytes === 0) this.wholeCount++;
    }
  }
}
