/** What the benchmark does with the engine: open, write, read, scan, describe. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Slice } from "../../src/base/bytes.ts";
import { Engine } from "../../src/engine/engine.ts";
import { entryKinds, type FoundEntry } from "../../src/engine/internal-key.ts";
import { type EngineObserver, silentObserver } from "../../src/engine/observer.ts";
import { type EngineOverrides, engineOptions } from "../../src/engine/options.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { realFileSystem } from "../../src/platform/real.ts";
import type { Workload } from "./workload.ts";

/** As many callers write in one turn of the event loop. */
const putsInTurn = 256;

/** Of the compaction settings. */
const uncompressed = { compression: ["none"] } as const;

/** Without throttle, since nothing throttles the others, and uncompressed unless told otherwise. */
export function openOurs(
  directory: string,
  overrides: EngineOverrides = {},
  observer: EngineObserver = silentObserver,
): Promise<Engine> {
  const environment = { files: realFileSystem, clock: systemClock, random: systemRandom, observer };
  const options = engineOptions(directory, {
    ...overrides,
    commitLog: { sync: "never", ...overrides.commitLog },
    compaction: { throttleBytesPerSecond: 0, ...uncompressed, ...overrides.compaction },
  });
  return Engine.open(environment, options);
}

/** Settings that put the given number of bytes into a memtable, and into a table of any level. */
export function smallTables(tableBytes: number): EngineOverrides {
  return {
    memtable: { maxSizeBytes: tableBytes, flushThresholdBytes: Math.floor(0.95 * tableBytes) },
    compaction: { l1TableSizeBytes: tableBytes, l2TableSizeBytes: tableBytes, tableSizeMultiplier: 1 },
  };
}

/** Resolves when an entry may be written in this turn. */
export async function whenWritable(engine: Engine, entryBytes: number): Promise<void> {
  for (let room = engine.whenWritable(entryBytes); room !== undefined; ) {
    await room;
    room = engine.whenWritable(entryBytes);
  }
}

/** Puts the entries in this order; all are in the commit log's file at the end. */
export async function fillOurs(
  engine: Engine,
  workload: Workload,
  numbers: Uint32Array,
  version: number,
): Promise<void> {
  const { key, value, entryBytes } = workload;
  for (let index = 0; index < numbers.length; index++) {
    if (index % putsInTurn === 0) await nextTurn();
    if (engine.whenWritable(entryBytes) !== undefined) await whenWritable(engine, entryBytes);
    workload.setKey(numbers[index]!);
    workload.setValue(numbers[index]!, version);
    engine.put(key, key.length, entryKinds.value, value, value.length);
  }
  await engine.whenDurable(engine.status().lastSequence);
}

const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

/** Every entry has to be there. */
export function readOurs(engine: Engine, workload: Workload, numbers: Uint32Array): void {
  const { key } = workload;
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index]!;
    workload.setKey(number);
    if (!engine.get(key, key.length, found)) throw new Error(`entry ${number} is missing`);
    workload.check(found.value.bytes, found.value.start, found.value.length, number);
  }
}

/** None may be there. */
export function readMissing(engine: Engine, workload: Workload, numbers: Uint32Array): void {
  const { key } = workload;
  for (let index = 0; index < numbers.length; index++) {
    workload.setMissingKey(numbers[index]!);
    if (engine.get(key, key.length, found)) throw new Error(`there is an entry after ${numbers[index]}`);
  }
}

/** Goes through entries 0 … count - 1, and nothing else may be there. */
export function scanOurs(engine: Engine, workload: Workload, count: number): void {
  const view = engine.view();
  const cursor = view.cursor();
  let number = 0;
  for (cursor.rewind(); cursor.valid; cursor.next()) {
    const { key, value } = cursor;
    // The last two digits stand for the key: putting each one together would cost more than the scan.
    const lastDigits = 10 * key.bytes[key.start + key.length - 2]! + key.bytes[key.start + key.length - 1]!;
    if (lastDigits - 528 !== (2 * number) % 100) throw new Error(`a scan met another key than ${number}`);
    workload.check(value.bytes, value.start, value.length, number);
    number++;
  }
  view.close();
  if (number !== count) throw new Error(`a scan saw ${number} of ${count} entries`);
}

/** Flushes, and waits until no compaction is due. */
export async function settle(engine: Engine): Promise<void> {
  await engine.flush();
  await engine.whenCompacted();
}

/** "L0 1 table 5 MB, L1 …" */
export function describeTree(engine: Engine): string {
  return engine
    .status()
    .levels.map(
      ({ tableCount, sizeBytes }, level) =>
        `L${level} ${tableCount} ${tableCount === 1 ? "table" : "tables"} ${Math.round(sizeBytes / 1e6)} MB`,
    )
    .join(", ");
}
