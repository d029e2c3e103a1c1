import { expect, test } from "bun:test";
import { defaultDirectories } from "../../../src/engine/data-directory.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";

test("that a node is draining survives crashes, and does not go along with a copy", async () => {
  let files = new MemoryFileSystem();
  let engine = await openEngine(files, tinyOptions(), 1);
  for (const isDraining of [true, false]) {
    await engine.setDraining(isDraining);
    expect(engine.status().isDraining).toBe(isDraining);
    files = files.crashClone(keepNone);
    await engine.close();
    engine = await openEngine(files, tinyOptions(), 1);
    expect(engine.status().isDraining).toBe(isDraining);
    const target = `/copy-${isDraining}`;
    await engine.checkpoint(target);
    const copy = await openEngine(files, { ...tinyOptions(), ...defaultDirectories(target) }, 1);
    expect(copy.status().isDraining).toBe(false);
    await copy.close();
  }
  await engine.close();
});
