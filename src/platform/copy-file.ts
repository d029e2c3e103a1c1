/** Copying a file by reads and writes, for file systems that have no quicker way. */
import type { FileSystem } from "./file-system.ts";

const chunkBytes = 1 << 20;

/** What `FileSystem.copy` does. */
export async function copyByHandles(
  files: Pick<FileSystem, "open">,
  from: string,
  to: string,
): Promise<void> {
  const source = files.open(from, "read");
  try {
    const target = files.open(to, "create");
    try {
      const chunk = new Uint8Array(Math.min(chunkBytes, source.sizeBytes()));
      for (let position = 0; position < source.sizeBytes(); position += chunk.length) {
        target.writeAt(chunk.subarray(0, source.readAt(chunk, position)), position);
      }
      await target.sync();
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}
