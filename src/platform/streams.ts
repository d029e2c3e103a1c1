/** Bytes in and out of the process: the standard streams, and files read or written from front to back. */

import { once } from "node:events";
import * as fs from "node:fs";
import { errnoOf } from "../base/errors.ts";

export interface ByteOutput {
  /** Resolves when more may be written, which bounds what is queued. Rejects with EPIPE when nobody reads. */
  write(chunk: Uint8Array | string): Promise<void>;
  /** Resolves when all is handed over. A file takes its name now, not before. */
  close(): Promise<void>;
  /** Gives up; a file that was being written is removed. */
  abort(): Promise<void>;
}

export interface StandardStreams {
  readonly input: AsyncIterable<Uint8Array>;
  readonly output: ByteOutput;
  readonly error: (text: string) => void;
  readonly outputIsTerminal: boolean;
  readonly errorIsTerminal: boolean;
}

export function standardStreams(): StandardStreams {
  return {
    // Touched only when it is read: a standard input that nobody reads stays as it is.
    get input() {
      return process.stdin;
    },
    output: new StreamOutput(process.stdout),
    error: (text) => {
      fs.writeSync(2, text);
    },
    outputIsTerminal: process.stdout.isTTY === true,
    errorIsTerminal: process.stderr.isTTY === true,
  };
}

/** A whole file of text. */
export function readText(path: string): string {
  return fs.readFileSync(path, "utf8");
}

/** Chunks of a file from its beginning. */
export function readChunks(path: string): AsyncIterable<Uint8Array> {
  return fs.createReadStream(path, { highWaterMark: 1 << 20 });
}

/**
 * Creates a file that appears under its name only when it is whole: until `close` it is `path.partial`.
 * What is no regular file (a device, a pipe) is written to as it is.
 */
export function createOutput(path: string): ByteOutput {
  const existing = fs.statSync(path, { throwIfNoEntry: false });
  if (existing !== undefined && !existing.isFile()) return new StreamOutput(fs.createWriteStream(path));
  const partialPath = `${path}.partial`;
  return new StreamOutput(fs.createWriteStream(partialPath), { partialPath, path });
}

class StreamOutput implements ByteOutput {
  readonly #stream: NodeJS.WritableStream;
  readonly #file: { partialPath: string; path: string } | undefined;
  #failure: Error | undefined;

  constructor(stream: NodeJS.WritableStream, file?: { partialPath: string; path: string }) {
    this.#stream = stream;
    this.#file = file;
    stream.on("error", (error: Error) => {
      this.#failure ??= error;
    });
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#stream.write(chunk)) await once(this.#stream, "drain");
  }

  async close(): Promise<void> {
    if (this.#file === undefined) {
      // The standard output stays open; an empty write calls back once all before it is out.
      await new Promise<void>((resolve, reject) =>
        this.#stream.write("", (error) => (error ? reject(this.#failure ?? error) : resolve())),
      );
      return;
    }
    await this.#end();
    fs.renameSync(this.#file.partialPath, this.#file.path);
  }

  async abort(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#end().catch(() => {});
    fs.rmSync(this.#file.partialPath, { force: true });
  }

  #end(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#stream.once("error", reject);
      this.#stream.end(() => resolve());
    });
  }
}

/** Whether a write failed because the reader has gone, as with `| head`. */
export function isBrokenPipe(error: unknown): boolean {
  return errnoOf(error) === "EPIPE";
}
