/** Files and objects as pieces of bytes, in bounded memory and with turns for others between them. */
import { assert } from "../base/errors.ts";
import { nextTurn } from "../base/next-turn.ts";
import type { FileSystem } from "../platform/file-system.ts";
import type { ObjectSource } from "./target.ts";

const chunkBytes = 256 * 1024;
/** The system reads ahead while pieces are hashed and sent. */
const readAheadBytes = 4 * 1024 * 1024;

/** A file that does not change. */
export function fileSource(files: FileSystem, path: string, sizeBytes: number): ObjectSource {
  return { sizeBytes, chunks: () => readFile(files, path, sizeBytes) };
}

async function* readFile(files: FileSystem, path: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const file = files.open(path, "read");
  try {
    for (let position = 0; position < sizeBytes; position += chunkBytes) {
      if (position % readAheadBytes === 0) {
        file.prefetch(position, Math.min(2 * readAheadBytes, sizeBytes - position));
      }
      const chunk = new Uint8Array(Math.min(chunkBytes, sizeBytes - position));
      const length = file.readAt(chunk, position);
      assert(length === chunk.length, `${path} is shorter than the ${sizeBytes} bytes that it had`);
      yield chunk;
      await nextTurn();
    }
  } finally {
    file.close();
  }
}

/** Writes a new file, durably but for its name; returns its size. What fails may leave a part of it. */
export async function writeFile(
  files: FileSystem,
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<number> {
  const file = files.open(path, "create");
  try {
    let position = 0;
    for await (const chunk of chunks) {
      file.writeAt(chunk, position);
      position += chunk.length;
      await nextTurn();
    }
    await file.sync();
    return position;
  } finally {
    file.close();
  }
}

/** All of them in one; for what is known to be small. */
export async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

export interface Digest {
  readonly sizeBytes: number;
  /** Of all bytes, in hexadecimal digits. */
  readonly sha256: string;
}

export async function digestOf(chunks: AsyncIterable<Uint8Array>): Promise<Digest> {
  const counter = new DigestCounter();
  for await (const _ of counter.through(chunks));
  return counter.finish();
}

/** Sums up what passes by. */
export class DigestCounter {
  readonly #hasher = new Bun.SHA256();
  #sizeBytes = 0;

  async *through(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#hasher.update(chunk);
      this.#sizeBytes += chunk.length;
      yield chunk;
    }
  }

  finish(): Digest {
    return { sizeBytes: this.#sizeBytes, sha256: this.#hasher.digest("hex") };
  }
}
