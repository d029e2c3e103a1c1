import { expect } from "bun:test";
import { defaultDirectories, unfinishedSuffix } from "../../src/engine/data-directory.ts";
import type { EngineOptions } from "../../src/engine/options.ts";
import { verifyDataDirectory } from "../../src/engine/verify.ts";
import type { FileSystem } from "../../src/platform/file-system.ts";
import { openEngine } from "./engine-driver.ts";
import type { StoreHistory } from "./store-history.ts";

/**
 * Checks that a checkpoint is whole: nothing is wrong with its files, and as a store it holds the history up to a
 * sequence number, which is returned.
 */
export async function checkCheckpoint(
  files: FileSystem,
  directory: string,
  options: EngineOptions,
  history: StoreHistory,
): Promise<number> {
  const directories = defaultDirectories(directory);
  const { findings, notes } = verifyDataDirectory(files, directories);
  expect([...findings, ...notes]).toEqual([]);
  const engine = await openEngine(files, { ...options, ...directories }, 5);
  try {
    const { lastSequence, damage } = engine.status();
    expect(damage).toEqual([]);
    history.checkContents(engine, lastSequence);
    return lastSequence;
  } finally {
    await engine.close();
  }
}

/**
 * Checks what a crash left of a checkpoint that was under way: nothing, or all of it, or beside it an unfinished
 * directory that no start takes for a store. Returns the sequence number of a whole one.
 */
export async function checkInterruptedCheckpoint(
  files: FileSystem,
  directory: string,
  options: EngineOptions,
  history: StoreHistory,
): Promise<number | undefined> {
  const unfinished = directory + unfinishedSuffix;
  if (files.status(unfinished) !== undefined) {
    const refused = openEngine(files, { ...options, ...defaultDirectories(unfinished) }, 5);
    expect(await refused.catch(String)).toContain("remove it");
  }
  if (files.status(directory) === undefined) return undefined;
  return await checkCheckpoint(files, directory, options, history);
}
