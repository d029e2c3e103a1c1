/** Files as the disk has them. */
import { closeSync, cpSync, fsyncSync, openSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const diskSectorBytes = 512;

/** What the files below a directory take of the disk: space set aside without data counts, holes do not. */
export function diskBytes(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((path) => statSync(join(directory, path)))
    .reduce((sum, { blocks }) => sum + diskSectorBytes * blocks, 0);
}

/** A copy that is on the disk, so that what is timed next does not wait for it. */
export function copyDurably(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  for (const path of readdirSync(to, { recursive: true, encoding: "utf8" })) {
    const file = openSync(join(to, path), "r");
    fsyncSync(file);
    closeSync(file);
  }
}
