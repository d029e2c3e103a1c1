/** Cuts a stream of bytes into lines, in bounded memory. */

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without the newline; valid until the next line is asked for. */
  readonly bytes: Uint8Array;
  /** The line was longer than allowed: `bytes` is its beginning, and the rest was passed over. */
  readonly isTooLong: boolean;
  /** Bytes of the stream up to the end of this line. */
  readonly endOffset: number;
}

const newline = 0x0a;

/** Yields every line, and what follows the last newline if that is not empty. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<Line> {
  const pieces = new LinePieces(maxLineBytes);
  let number = 0;
  let chunkOffset = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      pieces.add(chunk, start, end);
      start = end + 1;
      yield { number: ++number, ...pieces.take(), endOffset: chunkOffset + start };
    }
    pieces.add(chunk, start, chunk.length);
    chunkOffset += chunk.length;
  }
  if (!pieces.isEmpty) yield { number: ++number, ...pieces.take(), endOffset: chunkOffset };
}

/** The part of a line that has arrived, up to its limit. */
class LinePieces {
  readonly #limitBytes: number;
  #pieces: Uint8Array[] = [];
  #keptBytes = 0;
  #seenBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get isEmpty(): boolean {
    return this.#seenBytes === 0;
  }

  add(chunk: Uint8Array, start: number, end: number): void {
    const count = Math.min(end - start, this.#limitBytes - this.#keptBytes);
    this.#seenBytes += end - start;
    if (count === 0) return;
    this.#pieces.push(chunk.subarray(start, start + count));
    this.#keptBytes += count;
  }

  take(): { bytes: Uint8Array; isTooLong: boolean } {
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    const isTooLong = this.#seenBytes > this.#keptBytes;
    this.#pieces = [];
    this.#keptBytes = 0;
    this.#seenBytes = 0;
    return { bytes, isTooLong };
  }
}
