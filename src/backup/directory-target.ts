/**
 * Backups in a directory.
 *
 * An object is written under another name, synced, and then gets its own; both directories are synced after that. So
 * a crash leaves it whole or absent, and beside it at most a file in `unfinished/`.
 */
import { dirname } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { listOrEmpty, makeDurableDirectory } from "../engine/data-directory.ts";
import type { FileSystem } from "../platform/file-system.ts";
import type { Random } from "../platform/random.ts";
import { fileSource, writeFile } from "./chunks.ts";
import {
  type BackupTarget,
  missingObject,
  type ObjectSource,
  type StoredObject,
  unfinishedPrefix,
} from "./target.ts";

export class DirectoryTarget implements BackupTarget {
  readonly name: string;
  readonly #files: FileSystem;
  readonly #random: Random;

  constructor(files: FileSystem, random: Random, directory: string) {
    this.name = directory;
    this.#files = files;
    this.#random = random;
  }

  async list(prefix: string): Promise<StoredObject[]> {
    const directory = `${this.name}/${prefix.slice(0, -1)}`;
    return listOrEmpty(this.#files, directory).flatMap((file) => {
      const status = this.#files.status(`${directory}/${file}`);
      // Removed since, by another process.
      if (status === undefined || status.isDirectory) return [];
      return [{ name: prefix + file, sizeBytes: status.sizeBytes }];
    });
  }

  async put(name: string, source: ObjectSource): Promise<void> {
    const path = `${this.name}/${name}`;
    const staged = `${this.name}/${unfinishedPrefix}${this.#random.uint32().toString(16).padStart(8, "0")}`;
    await makeDurableDirectory(this.#files, dirname(path));
    await makeDurableDirectory(this.#files, dirname(staged));
    try {
      await writeFile(this.#files, staged, source.chunks());
      this.#files.rename(staged, path);
    } catch (error) {
      await this.#files.remove(staged).catch(() => {});
      throw error;
    }
    await this.#files.syncDirectory(dirname(path));
  }

  async *get(name: string): AsyncGenerator<Uint8Array> {
    const path = `${this.name}/${name}`;
    const status = this.#files.status(path);
    if (status === undefined) throw missingObject(this, name);
    yield* fileSource(this.#files, path, status.sizeBytes).chunks();
  }

  async remove(name: string): Promise<void> {
    const path = `${this.name}/${name}`;
    try {
      await this.#files.remove(path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      return;
    }
    await this.#files.syncDirectory(dirname(path));
  }
}
