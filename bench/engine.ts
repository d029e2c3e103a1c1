/**
 * The engine in this process, without network: `bun bench/engine.ts [--entries N] [--value-bytes N] [--json]`.
 *
 * Prints operations a second of: put without sync, durable put with 256 callers, get from the memtable, get from
 * tables, get of missing keys, forward scan. Data lies in a temporary folder.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Slice } from "../src/base/bytes.ts";
import { Engine } from "../src/engine/engine.ts";
import { entryKinds, type FoundEntry } from "../src/engine/internal-key.ts";
import { silentObserver } from "../src/engine/observer.ts";
import { type EngineOverrides, engineOptions } from "../src/engine/options.ts";
import { systemClock } from "../src/platform/clock.ts";
import { seededRandom, systemRandom } from "../src/platform/random.ts";
import { realFileSystem } from "../src/platform/real.ts";

const { values } = parseArgs({
  options: {
    entries: { type: "string", default: "500000" },
    "value-bytes": { type: "string", default: "100" },
    json: { type: "boolean", default: false },
  },
});
const entryCount = Number(values.entries);
const value = new Uint8Array(Number(values["value-bytes"])).fill(118);
const keyBytes = 24;
const callerCount = 256;
const durableCount = Math.min(entryCount, 200_000);

const folder = mkdtempSync(join(tmpdir(), "pairdb-bench-"));
const rates: Record<string, number> = {};

/** Fisher and Yates' shuffle of 0 … count - 1, the same in every run. */
function shuffled(count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const random = seededRandom(7);
  for (let index = count - 1; index > 0; index--) {
    const other = random.uint32() % (index + 1);
    [order[index], order[other]] = [order[other]!, order[index]!];
  }
  return order;
}

const order = shuffled(entryCount);
const key = Buffer.alloc(keyBytes, "t:user0000000000000000000");

/** Writes the key of a number into the shared buffer, by digits from the end. */
function setKey(number: number): void {
  for (let position = keyBytes - 1; position > keyBytes - 11; position--) {
    key[position] = 48 + (number % 10);
    number = Math.floor(number / 10);
  }
}

function open(name: string, overrides: EngineOverrides): Promise<Engine> {
  const environment = {
    files: realFileSystem,
    clock: systemClock,
    random: systemRandom,
    observer: silentObserver,
  };
  return Engine.open(environment, engineOptions(join(folder, name), overrides));
}

async function measure(name: string, count: number, act: () => void | Promise<void>): Promise<void> {
  const startedMs = performance.now();
  await act();
  rates[name] = Math.round((1000 * count) / (performance.now() - startedMs));
}

async function fill(engine: Engine): Promise<void> {
  for (let index = 0; index < entryCount; index++) {
    for (let room = engine.whenWritable(keyBytes + value.length); room !== undefined; ) {
      await room;
      room = engine.whenWritable(keyBytes + value.length);
    }
    setKey(order[index]!);
    engine.put(key, keyBytes, entryKinds.value, value, value.length);
  }
  await engine.whenDurable(engine.status().lastSequence);
}

async function durableCaller(engine: Engine, first: number): Promise<void> {
  for (let number = first; number < durableCount; number += callerCount) {
    for (let room = engine.whenWritable(keyBytes + value.length); room !== undefined; ) {
      await room;
      room = engine.whenWritable(keyBytes + value.length);
    }
    setKey(number);
    await engine.put(key, keyBytes, entryKinds.value, value, value.length).durable;
  }
}

const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

/** Looks all keys up in random order, `offset` away from those that are there. */
function getAll(engine: Engine, offset: number, expected: boolean): void {
  for (let index = 0; index < entryCount; index++) {
    setKey(order[index]! + offset);
    if (engine.get(key, keyBytes, found) !== expected) throw new Error("a look-up gave the wrong answer");
  }
}

function scanAll(engine: Engine): void {
  const view = engine.view();
  let count = 0;
  const cursor = view.cursor();
  for (cursor.rewind(); cursor.valid; cursor.next()) count += cursor.value.length > 0 ? 1 : 0;
  view.close();
  if (count !== entryCount) throw new Error(`a scan saw ${count} of ${entryCount} entries`);
}

try {
  const roomy = { maxSizeBytes: 512 << 20, flushThresholdBytes: 500 << 20 };
  const inMemory = await open("memory", { commitLog: { sync: "never" }, memtable: roomy });
  await measure("put, sync never, one memtable", entryCount, () => fill(inMemory));
  await measure("get from the memtable", entryCount, () => getAll(inMemory, 0, true));
  await inMemory.close();

  const engine = await open("tables", { commitLog: { sync: "never" } });
  await measure("put, sync never, flushing", entryCount, () => fill(engine));
  await engine.flush();
  await measure("get from tables", entryCount, () => getAll(engine, 0, true));
  await measure("get of missing keys", entryCount, () => getAll(engine, 1_000_000_000, false));
  await measure("forward scan of tables", entryCount, () => scanAll(engine));
  await engine.close();

  const durable = await open("durable", {});
  await measure(`durable put, ${callerCount} callers`, durableCount, async () => {
    await Promise.all(Array.from({ length: callerCount }, (_, first) => durableCaller(durable, first)));
  });
  await durable.close();

  if (values.json) console.log(JSON.stringify({ entries: entryCount, valueBytes: value.length, rates }));
  else for (const [name, rate] of Object.entries(rates)) console.log(name.padEnd(34), `${rate} a second`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
