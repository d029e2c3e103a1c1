import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder that is removed, with all it holds, after the calling test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "pairdb-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
