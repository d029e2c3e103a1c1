/**
 * Memtable throughput: inserts in random and in ascending order, finds, scans. Run by hand:
 * `bun bench/memtable.ts [entries]`. 24-byte keys under one tenant, 100-byte values.
 */
import { Slice } from "../src/base/bytes.ts";
import { entryKinds, type FoundEntry } from "../src/engine/internal-key.ts";
import { Memtable } from "../src/engine/memtable/memtable.ts";
import { seededRandom } from "../src/platform/random.ts";

const entryCount = Number(process.argv[2] ?? 500_000);
const rounds = 3;
const keyLength = 24;
const capacityBytes = 4096 + entryCount * 180;
const random = seededRandom(1);
const value = new Uint8Array(100).fill(0x61);
const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

/** All keys side by side, so that reading them costs the same whatever the order. */
function packKeys(order: Uint32Array): Uint8Array {
  const keys = new Uint8Array(order.length * keyLength);
  order.forEach((number, i) => {
    keys.set(new TextEncoder().encode(`tenant-1:u${String(number).padStart(14, "0")}`), i * keyLength);
  });
  return keys;
}

function shuffled(order: Uint32Array): Uint32Array {
  const result = order.slice();
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.uint32() % (i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

const ascending = Uint32Array.from({ length: entryCount }, (_, i) => i);
const ascendingKeys = packKeys(ascending);
const randomKeys = packKeys(shuffled(ascending));
const soughtKeys = packKeys(shuffled(ascending));
const key = new Uint8Array(keyLength);

function loadKey(keys: Uint8Array, index: number): void {
  for (let i = 0; i < keyLength; i++) key[i] = keys[index * keyLength + i]!;
}

function report(name: string, run: () => number): void {
  const startMs = performance.now();
  const count = run();
  const durationMs = performance.now() - startMs;
  console.log(
    `${name.padEnd(18)} ${String(Math.round(count / durationMs)).padStart(6)} k/s  (${count} in ${Math.round(durationMs)} ms)`,
  );
}

function insertAll(memtable: Memtable, keys: Uint8Array): number {
  for (let i = 0; i < entryCount; i++) {
    loadKey(keys, i);
    if (!memtable.insert(key, keyLength, i + 1, entryKinds.value, value, value.length)) return i;
  }
  return entryCount;
}

function findAll(memtable: Memtable): number {
  let count = 0;
  for (let i = 0; i < entryCount; i++) {
    loadKey(soughtKeys, i);
    if (memtable.find(key, keyLength, entryCount, found)) count += found.value.bytes[found.value.start]! & 1;
  }
  return count;
}

function scanAll(memtable: Memtable): number {
  let count = 0;
  const cursor = memtable.newestCursor(entryCount);
  for (cursor.rewind(); cursor.valid; cursor.next()) count++;
  return count;
}

const memtable = Memtable.create(capacityBytes, random);
for (let round = 0; round < rounds; round++) {
  memtable.reset();
  report("insert ascending", () => insertAll(memtable, ascendingKeys));
  memtable.reset();
  report("insert random", () => insertAll(memtable, randomKeys));
  report("find", () => findAll(memtable));
  report("scan", () => scanAll(memtable));
}
console.log(`${Math.round(memtable.usedBytes / entryCount)} bytes per entry`);
