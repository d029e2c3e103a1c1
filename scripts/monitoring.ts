/** Writes what is made of `monitoring`: `just monitoring`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generatedMonitoring } from "./support/monitoring.ts";
import { root } from "./support/process.ts";

for (const [path, text] of generatedMonitoring()) {
  writeFileSync(join(root, path), text);
  console.log(path);
}
