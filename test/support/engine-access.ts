import type { Engine, StoredEntry } from "../../src/engine/engine.ts";
import { entryKinds } from "../../src/engine/internal-key.ts";
import { newFound } from "./store-history.ts";

/** Text in, text out: what tests of the engine speak. */

export function put(engine: Engine, key: string, value: string): StoredEntry {
  const keyBytes = Buffer.from(key, "latin1");
  const valueBytes = Buffer.from(value, "latin1");
  return engine.put(keyBytes, keyBytes.length, entryKinds.value, valueBytes, valueBytes.length);
}

/** `put`, once there is room. */
export async function putWhenWritable(engine: Engine, key: string, value: string): Promise<StoredEntry> {
  const ask = () => engine.whenWritable(key.length + value.length);
  for (let room = ask(); room !== undefined; room = ask()) await room;
  return put(engine, key, value);
}

export function get(engine: Engine, key: string): string | undefined {
  const keyBytes = Buffer.from(key, "latin1");
  const found = newFound();
  if (!engine.get(keyBytes, keyBytes.length, found)) return undefined;
  return Buffer.from(found.value.copy()).toString("latin1");
}

/** Fills a memtable with 1,000-byte values until it has frozen `count` times. */
export async function fillMemtables(engine: Engine, count: number): Promise<void> {
  const { maxSizeBytes } = engine.options.memtable;
  for (let written = 0; written < count * maxSizeBytes; written += 1000) {
    await (await putWhenWritable(engine, `fill-${written}`, "f".repeat(1000))).durable;
  }
}
