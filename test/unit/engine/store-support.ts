import { defaultDirectories } from "../../../src/engine/data-directory.ts";
import { entryKinds } from "../../../src/engine/internal-key.ts";
import type { Damage } from "../../../src/engine/observer.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { newFound } from "../../support/store-history.ts";

export const directories = defaultDirectories("/data");

const encoder = new TextEncoder();
export const keyOf = (index: number) => `t:key-${String(index).padStart(4, "0")}`;
export const roundValue = (index: number, round: number) =>
  `value ${index} of round ${round} ${"x".repeat(index % 40)}`;

/** Writes keys 0 to `keyCount` - 1 in one round, all acknowledged. */
async function writeRound(engine: Awaited<ReturnType<typeof openEngine>>, keyCount: number, round: number) {
  for (let index = 0; index < keyCount; index++) {
    const key = encoder.encode(keyOf(index));
    const value = encoder.encode(roundValue(index, round));
    for (let room = engine.whenWritable(key.length + value.length); room !== undefined; ) {
      await room;
      room = engine.whenWritable(key.length + value.length);
    }
    await engine.put(key, key.length, entryKinds.value, value, value.length).durable;
  }
}

/**
 * A store with several tables, where keys were overwritten; `unflushed` keys of round 2 are in the commit log only,
 * as a process that was killed leaves them.
 */
export async function storeWithData(keyCount = 200, unflushed = 10): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  const engine = await openEngine(files, tinyOptions(), 1);
  for (const round of [0, 1]) await writeRound(engine, keyCount, round);
  await engine.flush();
  await writeRound(engine, unflushed, 2);
  const killed = files.killClone();
  await engine.close();
  return killed;
}

export interface StoredData {
  readonly values: Map<string, string>;
  readonly damage: readonly Damage[];
  readonly lastSequence: number;
}

/** Starts the store and reads all keys; a key that cannot be read counts as absent. */
export async function readStore(files: MemoryFileSystem, keyCount = 200): Promise<StoredData> {
  const engine = await openEngine(files, tinyOptions(), 2);
  const values = new Map<string, string>();
  const found = newFound();
  for (let index = 0; index < keyCount; index++) {
    const key = encoder.encode(keyOf(index));
    if (engine.get(key, key.length, found)) {
      values.set(keyOf(index), new TextDecoder().decode(found.value.copy()));
    }
  }
  const { damage, lastSequence } = engine.status();
  await engine.close();
  return { values, damage, lastSequence };
}

/** What `storeWithData` holds. */
export function expectedData(keyCount = 200, unflushed = 10): Map<string, string> {
  return new Map(
    Array.from({ length: keyCount }, (_, index) => [
      keyOf(index),
      roundValue(index, index < unflushed ? 2 : 1),
    ]),
  );
}
