/**
 * The note in the data directory that a coordinator has this node: `REGISTERED`, JSON. Whoever removes it has the node
 * register again at its next start.
 */
import type { FileSystem } from "../../platform/file-system.ts";

/** Of whom the note speaks. */
export interface RegisteredWith {
  /** `host:port` */
  readonly coordinator: string;
  readonly nodeId: string;
}

const maxNoteBytes = 4096;

export class RegistrationRecord {
  readonly #files: FileSystem;
  readonly #directory: string;

  constructor(files: FileSystem, dataDirectory: string) {
    this.#files = files;
    this.#directory = dataDirectory;
  }

  /** False also for a note that cannot be read: to register once more is harmless. */
  speaksOf({ coordinator, nodeId }: RegisteredWith): boolean {
    const status = this.#files.status(this.#path);
    if (status === undefined || status.isDirectory || status.sizeBytes > maxNoteBytes) return false;
    const bytes = new Uint8Array(status.sizeBytes);
    const file = this.#files.open(this.#path, "read");
    try {
      file.readAt(bytes, 0);
    } finally {
      file.close();
    }
    try {
      const note = Object(JSON.parse(new TextDecoder().decode(bytes))) as Record<string, unknown>;
      return note["coordinator"] === coordinator && note["node_id"] === nodeId;
    } catch {
      return false;
    }
  }

  /** Durable on return. */
  async write({ coordinator, nodeId }: RegisteredWith): Promise<void> {
    const staged = `${this.#path}.tmp`;
    if (this.#files.status(staged) !== undefined) await this.#files.remove(staged);
    const file = this.#files.open(staged, "create");
    try {
      file.writeAt(new TextEncoder().encode(`${JSON.stringify({ coordinator, node_id: nodeId })}\n`), 0);
      await file.sync();
    } finally {
      file.close();
    }
    this.#files.rename(staged, this.#path);
    await this.#files.syncDirectory(this.#directory);
  }

  get #path(): string {
    return `${this.#directory}/REGISTERED`;
  }
}
