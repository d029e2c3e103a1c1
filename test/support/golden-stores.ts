/**
 * The stores of `test/fixtures/golden`: small, with files of every kind, and the same to the byte each time that they
 * are made. `scripts/make-golden.ts` writes them down; a test holds today's code to what was written.
 */
import { defaultDirectories, lockPath } from "../../src/engine/data-directory.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/options.ts";
import { DiskGuard } from "../../src/node/disk-guard.ts";
import { Drain } from "../../src/node/drain.ts";
import { silentNodeObserver } from "../../src/node/node-observer.ts";
import { StorageNode } from "../../src/node/storage-node.ts";
import { keepNone } from "../../src/platform/crash.ts";
import type { FileSystem } from "../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../src/platform/memory.ts";
import { type Random, seededRandom } from "../../src/platform/random.ts";
import { bytesOf, entries, textOf } from "./arbitrary-versions.ts";
import { openEngine } from "./engine-driver.ts";
import { tinyOptions } from "./engine-settings.ts";
import { ManualClock } from "./manual-clock.ts";
import { below, oneIn } from "./random-operations.ts";
import { readWhole } from "./whole-file.ts";

const directories = defaultDirectories("/data");
const tenants = ["acme", "globex"];
const keyCount = 90;

/** Every setting that decides what bytes are written. */
const settings = {
  commitLog: { segmentSizeBytes: 12_288, preallocateBytes: 1024 },
  memtable: { maxSizeBytes: 65_536, flushThresholdBytes: 65_536 },
} as const;
const compaction = { l1TableSizeBytes: 2048, l2TableSizeBytes: 2048, recordFormat: "versioned" } as const;

/** Name to how the store is made. */
export const goldenStores: Readonly<Record<string, () => Promise<MemoryFileSystem>>> = {
  /** Several levels, compressed below the first; range deletions; records in the log alone; a holder; draining; after a power cut. */
  "power-cut": () =>
    build(
      tinyOptions({ ...settings, compaction: { ...compaction, compression: ["none", "zstd"] } }),
      async (engine, write) => {
        await write(220);
        await engine.compactRange();
        await write(60);
        await engine.flush();
        await engine.whenCompacted();
        engine.pauseCompaction();
        await engine.followedLog.hold("backup", 0);
        await write(20);
        await engine.flush();
        await deleteItems(engine, 10, 20);
        await write(20);
        await engine.flush();
        await write(60);
        await deleteItems(engine, 40, 44);
        await write(30);
        await engine.setDraining(true);
      },
    ),
  /** Plain blocks of one entry; nothing in the log. */
  "clean-stop": () =>
    build(
      tinyOptions({
        ...settings,
        table: { blockSizeBytes: 64, restartIntervalEntries: 1 },
        compaction: { ...compaction, compression: ["none"] },
      }),
      async (engine, write) => {
        await write(80);
        await engine.close();
      },
    ),
};

/** Opens a golden store as a node does. */
export async function openGolden(files: FileSystem): Promise<{ engine: Engine; node: StorageNode }> {
  const engine = await openEngine(files, tinyOptions({ compaction }), 2);
  return { engine, node: nodeOver(engine) };
}

/** One line for each key that holds anything: all versions with their clocks, in the order of the node's answer. */
export async function describeContents(node: StorageNode): Promise<string> {
  const lines: string[] = [];
  for (const tenant of tenants) {
    for (let index = 0; index <= keyCount; index++) {
      const key = keyOf(index);
      const read = await node.read(tenant, key, true);
      if (read.siblingCount === 0) continue;
      const held = read.siblings.length > 0 ? read.siblings : [{ ...read, isTombstone: !read.found }];
      const versions = held.map(({ value, clock, timestampSeconds, isTombstone }) => ({
        ...(isTombstone ? { deleted: true } : { value: textOf(value) }),
        clock: Object.fromEntries(clock.map(({ nodeId, timestamp }) => [nodeId, String(timestamp)])),
        timestamp: timestampSeconds,
      }));
      lines.push(JSON.stringify({ tenant, key, versions }));
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Path below the data directory to content, without the lock file, which is empty. */
export function filesOf(files: FileSystem): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  const { dataDirectory } = directories;
  const walk = (directory: string): void => {
    for (const name of files.list(directory)) {
      const path = `${directory}/${name}`;
      if (files.status(path)?.isDirectory === true) walk(path);
      else if (path !== lockPath(directories)) {
        found.set(path.slice(dataDirectory.length + 1), readWhole(files, path));
      }
    }
  };
  walk(dataDirectory);
  return found;
}

function keyOf(index: number): string {
  return index === keyCount ? "ключ/€" : `item/${String(index).padStart(4, "0")}`;
}

function nodeOver(engine: Engine): StorageNode {
  const clock = new ManualClock();
  const probe = () => ({ totalBytes: 1000, availableBytes: 1000 });
  const diskGuard = new DiskGuard({ maxDiskUsage: 0.9, clock, probe, onStateChange: () => {} });
  const drain = new Drain({ store: engine, clock, activeStreams: () => [] });
  return new StorageNode(
    { store: engine, diskGuard, drain, clock, observer: silentNodeObserver },
    {
      nodeId: "golden",
      limits: { maxSiblings: 10, maxRecordBytes: 16_384 },
      batchLimits: { maxEntries: 1000, maxBytes: 1 << 20 },
      staleWrite: "accept",
      gcGraceMs: engine.options.compaction.gcGraceMs,
    },
  );
}

async function build(
  options: EngineOptions,
  fill: (engine: Engine, write: (count: number) => Promise<void>) => Promise<void>,
): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  const engine = await openEngine(files, options, 1);
  const node = nodeOver(engine);
  const random = seededRandom(1);
  await fill(engine, async (count) => {
    for (let written = 0; written < count; written++) await writeAny(node, random);
  });
  const survivors = files.crashClone(keepNone);
  await engine.close();
  return survivors;
}

/** Everything that the first tenant holds of the items from `first` up to `end`. */
async function deleteItems(engine: Engine, first: number, end: number): Promise<void> {
  const bounds = [first, end].map((index) => bytesOf(`${tenants[0]}:${keyOf(index)}`));
  await engine.deleteRange(...bounds).durable;
}

/** Replacements, siblings and deletions, with clocks of several nodes and without. */
async function writeAny(node: StorageNode, random: Random): Promise<void> {
  const tenant = tenants[below(random, tenants.length)]!;
  const key = keyOf(below(random, keyCount + 1));
  const clock = oneIn(random, 3)
    ? []
    : entries({ [`node-${below(random, 3)}`]: 1 + below(random, 1000), "node-3": below(random, 3) });
  if (oneIn(random, 6)) await node.delete(tenant, key, clock);
  else
    await node.write(
      tenant,
      key,
      bytesOf(`value ${below(random, 1e6)} ${"=".repeat(below(random, 30))}`),
      clock,
    );
}
