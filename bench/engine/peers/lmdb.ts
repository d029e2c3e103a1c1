/** LMDB in this process, by the package lmdb: a copy-on-write B-tree in a map, so it reads well and writes dearly. */
import { open, type RootDatabase } from "lmdb";
import type { Workload } from "../workload.ts";

export const lmdbName = "lmdb";

export type Lmdb = RootDatabase<Buffer, Buffer>;

export function openLmdb(directory: string, durable: boolean): Lmdb {
  return open<Buffer, Buffer>({
    path: directory,
    encoding: "binary",
    keyEncoding: "binary",
    noSync: !durable,
    // Its own thread writes what came up in one turn as one transaction.
    overlappingSync: durable,
  });
}

/** So many writers wait at the same time. */
export async function putAll(
  lmdb: Lmdb,
  workload: Workload,
  numbers: Uint32Array,
  putsInFlight: number,
): Promise<void> {
  let waiting: Promise<boolean>[] = [];
  for (const number of numbers) {
    waiting.push(put(lmdb, workload, number));
    if (waiting.length < putsInFlight) continue;
    await Promise.all(waiting);
    waiting = [];
  }
  await Promise.all(waiting);
}

/** Resolves once it is stored as durably as the database was opened for. */
function put(lmdb: Lmdb, workload: Workload, number: number): Promise<boolean> {
  workload.setKey(number);
  workload.setValue(number, 1);
  return lmdb.put(Buffer.from(workload.key), Buffer.from(workload.value));
}

export function readAll(lmdb: Lmdb, workload: Workload, numbers: Uint32Array): void {
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index]!;
    workload.setKey(number);
    const value = lmdb.getBinaryFast(workload.key);
    if (value === undefined) throw new Error(`lmdb has no entry ${number}`);
    workload.check(value, 0, value.length, number);
  }
}

export function readMissing(lmdb: Lmdb, workload: Workload, numbers: Uint32Array): void {
  for (let index = 0; index < numbers.length; index++) {
    workload.setMissingKey(numbers[index]!);
    if (lmdb.getBinaryFast(workload.key) !== undefined) throw new Error("lmdb has an entry too many");
  }
}

export function scanAll(lmdb: Lmdb, workload: Workload, count: number): void {
  let number = 0;
  for (const { value } of lmdb.getRange()) workload.check(value, 0, value.length, number++);
  if (number !== count) throw new Error(`lmdb's scan saw ${number} of ${count} entries`);
}
