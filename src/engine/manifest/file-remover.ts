/**
 * Removes obsolete files in the background, one after the other. What cannot be removed is reported and left: it is
 * a stray file for the next start.
 */
import { dirname } from "node:path";
import type { FileSystem } from "../../platform/file-system.ts";

export class FileRemover {
  readonly #files: FileSystem;
  readonly #removalFailed: (path: string, error: unknown) => void;
  /** Never rejects. */
  #removals: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(files: FileSystem, removalFailed: (path: string, error: unknown) => void) {
    this.#files = files;
    this.#removalFailed = removalFailed;
  }

  /** Returns at once. The caller has made durable before that nothing names the file. */
  remove(path: string): void {
    if (this.#isStopped) return;
    this.#removals = this.#removals.then(() => this.#remove(path));
  }

  /** Takes no more files; resolves when those before are done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#removals;
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.#files.remove(path);
      await this.#files.syncDirectory(dirname(path));
    } catch (error) {
      this.#removalFailed(path, error);
    }
  }
}
