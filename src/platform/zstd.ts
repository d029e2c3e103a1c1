/**
 * zstd, as the runtime has it.
 *
 * Decompression writes into the caller's memory, at most as much as the caller says. `Bun.zstdDecompressSync` makes
 * a buffer for each call instead, and the garbage of many small ones costs several times what decompressing them
 * does. So this drives the native handle under a stream of node:zlib, which is no public interface: the executable
 * carries the runtime that it was tested with, and test/unit/platform/zstd.test.ts would find a change.
 */
import { constants, createZstdDecompress } from "node:zlib";

/** As the streams of node:zlib call it. */
interface DecompressHandle {
  reset(): void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputStart: number,
    inputLength: number,
    output: Uint8Array,
    outputStart: number,
    outputLength: number,
  ): void;
  onerror: (message: string) => void;
}

/** Levels that `compress` takes: the fastest and the smallest. */
export const zstdLevels = { least: 1, most: 22 } as const;

/** One frame with the bytes from `start` to `end`. */
export function compress(bytes: Uint8Array, start: number, end: number, level: number): Uint8Array {
  return Bun.zstdCompressSync(bytes.subarray(start, end), { level });
}

class Decompressor {
  readonly #handle: DecompressHandle;
  /** What the handle leaves: room in the output, bytes of the input. */
  readonly #left: Uint32Array;
  #problem: string | undefined;

  constructor() {
    const stream = createZstdDecompress() as unknown as {
      readonly _handle: DecompressHandle;
      readonly _writeState: Uint32Array;
    };
    this.#handle = stream._handle;
    this.#left = stream._writeState;
    // The stream's own would end the process with an error that nobody listens for.
    this.#handle.onerror = (message) => {
      this.#problem = message;
    };
  }

  run(
    source: Uint8Array,
    sourceStart: number,
    sourceLength: number,
    target: Uint8Array,
    targetStart: number,
    targetLength: number,
  ): string | undefined {
    this.#problem = undefined;
    this.#handle.reset();
    this.#handle.writeSync(
      constants.ZSTD_e_flush,
      source,
      sourceStart,
      sourceLength,
      target,
      targetStart,
      targetLength,
    );
    if (this.#problem !== undefined) return this.#problem;
    const [room, rest] = this.#left;
    return room === 0 && rest === 0 ? undefined : room === 0 ? "there is more" : "it ends too early";
  }
}

/** One for the thread: it holds native memory, and no call outlasts its turn. */
let decompressor: Decompressor | undefined;

/**
 * Decompresses one frame into `targetLength` bytes of the target; nothing else is written. Returns what is wrong
 * where the frame is damaged, cut, or holds more or less than that: the bytes of the target are then anything.
 */
export function decompress(
  source: Uint8Array,
  sourceStart: number,
  sourceLength: number,
  target: Uint8Array,
  targetStart: number,
  targetLength: number,
): string | undefined {
  decompressor ??= new Decompressor();
  return decompressor.run(source, sourceStart, sourceLength, target, targetStart, targetLength);
}
