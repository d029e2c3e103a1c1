/**
 * Stores that an earlier program wrote, with all kinds of files, are read by this one as they were meant; and the
 * formats have not changed unnoticed.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { defaultDirectories } from "../../src/engine/data-directory.ts";
import { verifyDataDirectory } from "../../src/engine/verify.ts";
import { MemoryFileSystem } from "../../src/platform/memory.ts";
import { describeContents, filesOf, goldenStores, openGolden } from "../support/golden-stores.ts";
import { writeWhole } from "../support/whole-file.ts";

const folder = join(import.meta.dir, "../fixtures/golden/v1");
const advice = "a format has changed; where that is meant, write the golden stores anew with `just golden`";

function writtenFiles(name: string): Map<string, Uint8Array> {
  const below = join(folder, name);
  const paths = readdirSync(below, { recursive: true, encoding: "utf8" });
  return new Map(
    paths
      .filter((path) => statSync(join(below, path)).isFile())
      .map((path) => [path, new Uint8Array(readFileSync(join(below, path)))]),
  );
}

function written(name: string): MemoryFileSystem {
  const files = new MemoryFileSystem();
  for (const [path, bytes] of writtenFiles(name)) {
    files.makeDirectory(dirname(`/data/${path}`));
    writeWhole(files, `/data/${path}`, bytes);
  }
  return files;
}

for (const [name, make] of Object.entries(goldenStores)) {
  describe(`the golden store ${name}`, () => {
    test("is clean, and holds what was written, also when it is opened again", async () => {
      const files = written(name);
      expect(verifyDataDirectory(files, defaultDirectories("/data")).findings).toEqual([]);
      for (let start = 0; start < 2; start++) {
        const { engine, node } = await openGolden(files);
        expect(await describeContents(node)).toBe(readFileSync(join(folder, `${name}.ndjson`), "utf8"));
        expect(engine.status().damage).toEqual([]);
        await engine.close();
      }
    });

    test("is what this program writes, byte for byte", async () => {
      const made = filesOf(await make());
      const before = writtenFiles(name);
      expect([...made.keys()].sort(), advice).toEqual([...before.keys()].sort());
      for (const [path, bytes] of made) {
        expect(Buffer.compare(bytes, before.get(path)!), `${path}: ${advice}`).toBe(0);
      }
    });
  });
}

test("golden stores stay small", () => {
  const names = Object.keys(goldenStores);
  const sizes = names.flatMap((name) => [...writtenFiles(name).values()].map((bytes) => bytes.length));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(200_000);
});
