/**
 * Writes the golden stores down, `test/fixtures/golden/v1`, with what they hold as NDJSON. Only for a change of format
 * that is meant: a store that an earlier program wrote has to stay readable.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeContents, filesOf, goldenStores, openGolden } from "../test/support/golden-stores.ts";
import { root } from "./support/process.ts";

const folder = join(root, "test/fixtures/golden/v1");
rmSync(folder, { recursive: true, force: true });
for (const [name, make] of Object.entries(goldenStores)) {
  const files = await make();
  let sizeBytes = 0;
  for (const [path, bytes] of filesOf(files)) {
    const target = join(folder, name, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
    sizeBytes += bytes.length;
  }
  const { engine, node } = await openGolden(files.killClone());
  writeFileSync(join(folder, `${name}.ndjson`), await describeContents(node));
  await engine.close();
  console.log(`${name}: ${sizeBytes} bytes in ${filesOf(files).size} files`);
}
