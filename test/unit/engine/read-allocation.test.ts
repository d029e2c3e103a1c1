/**
 * Look-ups in tables make no objects, and scans a few for each block: garbage collection does not grow with the number of
 * reads.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";

const program = join(import.meta.dir, "../../support/entries/heap-bytes-per-read.ts");

test("look-ups and moves of a cursor leave nothing on the heap, and the measurement would see a small object", async () => {
  const child = Bun.spawn([process.execPath, program], { stdout: "pipe", stderr: "inherit" });
  const { lookUps, lookUpsInTwoLevels, cursorMoves, smallObjects } = JSON.parse(await child.stdout.text());
  expect(await child.exited).toBe(0);
  expect(lookUps).toBeLessThan(4);
  expect(lookUpsInTwoLevels).toBeLessThan(4);
  expect(cursorMoves).toBeLessThan(4);
  expect(smallObjects).toBeGreaterThan(16);
}, 60_000);
