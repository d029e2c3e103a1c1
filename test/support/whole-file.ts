import type { FileSystem } from "../../src/platform/file-system.ts";

/** Reads a whole file. */
export function readWhole(files: FileSystem, path: string): Uint8Array {
  const file = files.open(path, "read");
  const bytes = new Uint8Array(file.sizeBytes());
  file.readAt(bytes, 0);
  file.close();
  return bytes;
}

/** Creates a file with these bytes, unsynced; replaces what was in one of that name. */
export function writeWhole(files: FileSystem, path: string, bytes: Uint8Array): void {
  const file = files.open(path, files.status(path) === undefined ? "create" : "write");
  file.writeAt(bytes, 0);
  file.truncate(bytes.length);
  file.close();
}

/** Turns one bit, as a failing disk does. */
export function flipBit(files: FileSystem, path: string, position: number, bit = 0): void {
  const file = files.open(path, "write");
  const byte = new Uint8Array(1);
  if (file.readAt(byte, position) !== 1) throw new Error(`${path} has no byte ${position}`);
  byte[0]! ^= 1 << bit;
  file.writeAt(byte, position);
  file.close();
}

/** Syncs a file and the directory that names it. */
export async function makeDurable(files: FileSystem, path: string): Promise<void> {
  const file = files.open(path, "write");
  await file.sync();
  file.close();
  await files.syncDirectory(path.slice(0, path.lastIndexOf("/")) || "/");
}
