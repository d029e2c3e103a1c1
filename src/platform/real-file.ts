/**
 * An open file of the machine's file system.
 *
 * Invariants:
 * 1. A descriptor is used only while the file is open: the system gives a closed number to the next file that is
 *    opened, and a late write would land there. So `close` waits for the operations under way off this thread.
 * 2. A read or write goes on until all bytes are through, since the system may do less than it was asked.
 */
import * as fs from "node:fs";
import { cLibrary } from "./c-library.ts";
import type { File } from "./file-system.ts";
import { SystemError } from "./system-error.ts";

const zeroChunkBytes = 1024 * 1024;
const willNeed = 3; // POSIX_FADV_WILLNEED
let zeroChunk: Uint8Array | undefined;

export class RealFile implements File {
  readonly path: string;
  readonly #descriptor: number;
  #closed = false;
  #operationsUnderWay = 0;

  /** Takes over the open `descriptor`. */
  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  sizeBytes(): number {
    return fs.fstatSync(this.#open("size")).size;
  }

  readAt(target: Uint8Array, position: number): number {
    const descriptor = this.#open("read");
    let done = 0;
    while (done < target.length) {
      const count = fs.readSync(descriptor, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  writeAt(source: Uint8Array, position: number): void {
    const descriptor = this.#open("write");
    let done = 0;
    while (done < source.length) {
      done += fs.writeSync(descriptor, source, done, source.length - done, position + done);
    }
  }

  sync(): Promise<void> {
    return this.#offThread("sync", (descriptor, done) => fs.fdatasync(descriptor, done));
  }

  async zeroFill(position: number, length: number): Promise<void> {
    zeroChunk ??= new Uint8Array(zeroChunkBytes);
    const zeros = zeroChunk;
    const end = position + length;
    while (position < end) {
      const count = Math.min(end - position, zeroChunkBytes);
      await this.#offThread("zero-fill", (descriptor, done) =>
        fs.write(descriptor, zeros, 0, count, position, (error, written) => {
          position += written;
          done(error);
        }),
      );
    }
    await this.sync();
  }

  truncate(sizeBytes: number): void {
    fs.ftruncateSync(this.#open("truncate"), sizeBytes);
  }

  prefetch(position: number, length: number): void {
    // Only advice: what it did not do, a read will.
    cLibrary().posix_fadvise(this.#open("prefetch"), position, length, willNeed);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeWhenIdle();
  }

  #open(action: string): number {
    if (this.#closed) throw new SystemError("EBADF", action, this.path, "the file is closed");
    return this.#descriptor;
  }

  #closeWhenIdle(): void {
    if (this.#closed && this.#operationsUnderWay === 0) fs.closeSync(this.#descriptor);
  }

  async #offThread(
    action: string,
    run: (descriptor: number, done: (error: Error | null) => void) => void,
  ): Promise<void> {
    const descriptor = this.#open(action);
    this.#operationsUnderWay++;
    try {
      await new Promise<void>((resolve, reject) =>
        run(descriptor, (error) => (error === null ? resolve() : reject(error))),
      );
    } finally {
      this.#operationsUnderWay--;
      this.#closeWhenIdle();
    }
  }
}
