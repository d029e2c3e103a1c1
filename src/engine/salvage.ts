/** Copies damaged bytes to `lost/` before recovery passes over them, so that nothing is gone for good. */
import { basename } from "node:path";
import type { File, FileSystem } from "../platform/file-system.ts";
import { type DataDirectories, freePath, lostDirectory } from "./data-directory.ts";

const chunkBytes = 1 << 20;

export class Salvage {
  readonly #files: FileSystem;
  readonly #directories: DataDirectories;
  readonly #unsynced: File[] = [];

  constructor(files: FileSystem, directories: DataDirectories) {
    this.#files = files;
    this.#directories = directories;
  }

  /** Copies a range of a file; returns where to. Durable after `sync`. */
  setAside(path: string, offset: number, lengthBytes: number): string {
    const directory = lostDirectory(this.#directories);
    this.#files.makeDirectory(directory);
    // An earlier start that died may have copied the same bytes.
    const target = freePath(this.#files, `${directory}/${basename(path)}.${offset}`);
    const copy = this.#files.open(target, "create");
    this.#unsynced.push(copy);
    const source = this.#files.open(path, "read");
    try {
      for (let done = 0; done < lengthBytes; ) {
        const chunk = new Uint8Array(Math.min(chunkBytes, lengthBytes - done));
        const read = source.readAt(chunk, offset + done);
        if (read === 0) break;
        copy.writeAt(chunk.subarray(0, read), done);
        done += read;
      }
    } finally {
      source.close();
    }
    return target;
  }

  /** Makes durable what was set aside so far. */
  async sync(): Promise<void> {
    if (this.#unsynced.length === 0) return;
    for (const file of this.#unsynced) await file.sync();
    this.close();
    await this.#files.syncDirectory(lostDirectory(this.#directories));
    await this.#files.syncDirectory(this.#directories.dataDirectory);
  }

  /** Gives back the files that were not synced, after a failure. */
  close(): void {
    for (const file of this.#unsynced.splice(0)) file.close();
  }
}
