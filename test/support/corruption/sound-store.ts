import { framesOffset } from "../../../src/engine/commit-log/format.ts";
import { defaultDirectories, listNumberedFiles } from "../../../src/engine/data-directory.ts";
import { type EntryKind, entryKinds } from "../../../src/engine/internal-key.ts";
import type { EngineOptions } from "../../../src/engine/options.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { type Random, seededRandom } from "../../../src/platform/random.ts";
import { deleteRange, openEngine, store } from "../engine-driver.ts";
import { below, oneIn } from "../random-operations.ts";
import { StoreHistory } from "../store-history.ts";
import { readWhole } from "../whole-file.ts";

export const directories = defaultDirectories("/data");

/** A store with files of all kinds, all of it durable, as a cut of the power left it. */
export interface SoundStore {
  readonly files: MemoryFileSystem;
  /** Everything that was written, and acknowledged. */
  readonly history: StoreHistory;
  readonly lastSequence: number;
  /** Entries up to here are in tables. */
  readonly flushedThrough: number;
  /** The segment that was written into last; one that is not used yet may follow. */
  readonly lastSegmentPath: string;
  readonly options: EngineOptions;
}

const keyCount = 240;

export const storeKeys = Array.from({ length: keyCount + 1 }, (_, index) => `t:key-${index}`);

function anyEntry(random: Random): { key: string; kind: EntryKind; value: string } {
  const isTombstone = oneIn(random, 6);
  return {
    key: storeKeys[below(random, keyCount)]!,
    kind: isTombstone ? entryKinds.tombstone : entryKinds.value,
    value: `${below(random, 1e6)} ${"x".repeat(below(random, 60))}`,
  };
}

/** Old entries of the same keys lie everywhere below newer ones: whoever misses the newer one answers wrongly. */
export async function buildSoundStore(options: EngineOptions): Promise<SoundStore> {
  const files = new MemoryFileSystem();
  const history = new StoreHistory();
  const random = seededRandom(1);
  const engine = await openEngine(files, options, 1);
  const write = async (count: number) => {
    for (let written = 0; written < count; written++) {
      const entries = Array.from({ length: oneIn(random, 8) ? 3 : 1 }, () => anyEntry(random));
      const { acknowledged } = await store(engine, history, entries);
      if (oneIn(random, 2)) await acknowledged;
    }
  };

  const deleteKeys = async (start: string, end: string) => {
    await (await deleteRange(engine, history, { start, end })).acknowledged;
  };

  // Several tables to merge: one alone would move down as it is.
  for (let round = 0; round < 3; round++) {
    await write(160);
    await engine.flush();
  }
  await engine.compactRange();
  await engine.whenCompacted();
  await write(40);
  await engine.flush();
  await engine.whenCompacted();
  engine.pauseCompaction();
  await deleteKeys("t:key-30", "t:key-35");
  await write(15);
  await engine.flush();
  await engine.followedLog.hold("stream", 0);
  await write(15);
  await engine.flush();
  const flushedThrough = engine.status().lastSequence;
  await write(100);
  await deleteKeys("t:key-70", "t:key-74");
  await write(120);
  const { lastSequence } = engine.status();
  await engine.whenDurable(lastSequence);

  const survivors = files.crashClone(keepNone);
  await engine.close();
  const lastSegmentPath = lastUsedSegment(survivors);
  return { lastSegmentPath, files: survivors, history, lastSequence, flushedThrough, options };
}

function lastUsedSegment(files: MemoryFileSystem): string {
  const used = listNumberedFiles(files, directories).filter(
    ({ kind, path }) =>
      kind === "segment" && readWhole(files, path).findLastIndex((byte) => byte !== 0) >= framesOffset,
  );
  return used.at(-1)!.path;
}
