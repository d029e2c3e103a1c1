/** LevelDB in this process, by the package classic-level: no compression, a cache that holds the data. */
import { ClassicLevel } from "classic-level";
import type { Workload } from "../workload.ts";

export const classicLevelName = "classic-level";

export type Level = ClassicLevel<Buffer, Buffer>;

/** Writers that wait at the same time: it is faster so than one after the other. */
const putsInFlight = 256;
const cacheBytes = 2 ** 31;
const settledMs = 1000;

export async function openLevel(
  directory: string,
  memtableBytes: number,
  tableBytes: number,
): Promise<Level> {
  const level = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    compression: false,
    writeBufferSize: memtableBytes,
    maxFileSize: tableBytes,
    cacheSize: cacheBytes,
  });
  await level.open();
  return level;
}

export async function putAll(level: Level, workload: Workload, numbers: Uint32Array): Promise<void> {
  let waiting: Promise<void>[] = [];
  for (const number of numbers) {
    waiting.push(level.put(...entry(workload, number)));
    if (waiting.length < putsInFlight) continue;
    await Promise.all(waiting);
    waiting = [];
  }
  await Promise.all(waiting);
}

/** One batch after the other. */
export async function putInBatches(
  level: Level,
  workload: Workload,
  numbers: Uint32Array,
  batchSize: number,
  sync: boolean,
): Promise<void> {
  for (let from = 0; from < numbers.length; from += batchSize) {
    const batch = level.batch();
    for (const number of numbers.subarray(from, from + batchSize)) batch.put(...entry(workload, number));
    await batch.write({ sync });
  }
}

/** LevelDB does not say when its compactions are done: they are when its tables have stayed the same for a while. */
export async function settle(level: Level): Promise<void> {
  for (let before = ""; describeTree(level) !== before; ) {
    before = describeTree(level);
    await Bun.sleep(settledMs);
  }
}

export function describeTree(level: Level): string {
  const counts = Array.from({ length: 5 }, (_, number) =>
    level.getProperty(`leveldb.num-files-at-level${number}`),
  );
  return counts.map((count, number) => `L${number} ${count} tables`).join(", ");
}

export function readAll(level: Level, workload: Workload, numbers: Uint32Array): void {
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index]!;
    workload.setKey(number);
    const value = level.getSync(workload.key);
    if (value === undefined) throw new Error(`classic-level has no entry ${number}`);
    workload.check(value, 0, value.length, number);
  }
}

export function readMissing(level: Level, workload: Workload, numbers: Uint32Array): void {
  for (let index = 0; index < numbers.length; index++) {
    workload.setMissingKey(numbers[index]!);
    if (level.getSync(workload.key) !== undefined) throw new Error("classic-level has an entry too many");
  }
}

/** By its fastest way: a thousand entries at a time. */
export async function scanAll(level: Level, workload: Workload, count: number): Promise<void> {
  const iterator = level.iterator();
  let number = 0;
  for (;;) {
    const entries = await iterator.nextv(1000);
    if (entries.length === 0) break;
    for (const [, value] of entries) workload.check(value, 0, value.length, number++);
  }
  await iterator.close();
  if (number !== count) throw new Error(`classic-level's scan saw ${number} of ${count} entries`);
}

/** Copies, since it keeps what it is given until it has written it. */
function entry(workload: Workload, number: number): [key: Buffer, value: Buffer] {
  workload.setKey(number);
  workload.setValue(number, 1);
  return [Buffer.from(workload.key), Buffer.from(workload.value)];
}
