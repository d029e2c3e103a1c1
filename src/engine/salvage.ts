/** Copies damaged bytes to `lost/` before recovery passes over them, so that nothing is gone for good. */
import { basename } from "node:path";
import type { File, FileSystem } from "../platform/file-system.ts";
import { type DataDirectories, lostDirectory } from "./data-directory.ts";

const chunkBytes = 1 << 20;

export class Salvage {
  readonly #files: FileSystem;
  readonly #directories: DataDirectories;
  #unsynced: File[] = [];

  constructor(files: FileSystem, directories: DataDirectories) {
    this.#files = files;
    this.#directories = directories;
  }

  /** Copies a range of a file; returns where to. Durable after `sync`. */
  setAside(path: string, offset: number, lengthBytes: number): string {
    this.#files.makeDirectory(lostDirectory(this.#directories));
    const target = this.#freeName(`${basename(path)}.${offset}`);
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
    const unsynced = this.#unsynced;
    this.#unsynced = [];
    for (const file of unsynced) {
      await file.sync();
      file.close();
    }
    if (unsynced.length === 0) return;
    await this.#files.syncDirectory(lostDirectory(this.#directories));
    await this.#files.syncDirectory(this.#directories.dataDirectory);
  }

  /** An earlier start that died may have copied the same bytes. */
  #freeName(name: string): string {
    const base = `${lostDirectory(this.#directories)}/${name}`;
    let path = base;
    for (let copy = 2; this.#files.status(path) !== undefined; copy++) path = `${base}.${copy}`;
    return path;
  }
}
