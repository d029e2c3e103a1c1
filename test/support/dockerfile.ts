/** What the Dockerfile says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const text = readFileSync(join(import.meta.dir, "../../Dockerfile"), "utf8").replaceAll("\\\n", "");

/** What follows each instruction of this name, in their order. */
export function instructions(name: string): string[] {
  return [...text.matchAll(new RegExp(`^${name} (.*)$`, "gm"))].map(([, rest = ""]) => rest);
}
