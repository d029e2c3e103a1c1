import { Engine, type StoredEntry } from "../../src/engine/engine.ts";
import type { EngineObserver } from "../../src/engine/observer.ts";
import type { EngineOptions } from "../../src/engine/options.ts";
import { InlineRunner } from "../../src/engine/workers/inline.ts";
import type { FileSystem } from "../../src/platform/file-system.ts";
import { batchEntry } from "./batch-entry.ts";
import { EagerClock } from "./eager-clock.ts";
import { memoryEnvironment } from "./memory-environment.ts";
import { SlowRunner } from "./slow-runner.ts";
import type { HistoryEntry, HistoryRange, StoreHistory } from "./store-history.ts";

export function openEngine(
  files: FileSystem,
  options: EngineOptions,
  seed: number,
  observer: Partial<EngineObserver> = {},
  mostTurnsBeforeJob = 0,
): Promise<Engine> {
  const clock = new EagerClock();
  const environment = { ...memoryEnvironment(files, seed, observer), clock };
  const jobs = new SlowRunner(new InlineRunner(files, clock), mostTurnsBeforeJob, seed);
  return Engine.open(environment, options, jobs);
}

/** Stores entries together once there is room; notes them, and their acknowledgement when it comes. */
export async function store(
  engine: Engine,
  history: StoreHistory,
  entries: readonly HistoryEntry[],
): Promise<{ readonly acknowledged: Promise<void> }> {
  const encoded = entries.map(({ key, kind, value }) =>
    batchEntry(Buffer.from(key, "latin1"), Buffer.from(value, "latin1"), kind),
  );
  const sizeBytes = encoded.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  const ask = () => engine.whenWritable(sizeBytes, encoded.length);
  for (let room = ask(); room !== undefined; room = ask()) await room;
  const [only] = encoded;
  const stored =
    encoded.length === 1 && only !== undefined
      ? engine.put(only.key, only.key.length, only.kind, only.value, only.value.length)
      : engine.write(encoded);
  history.append(entries, stored.sequence);
  return { acknowledged: noteAcknowledgement(history, stored) };
}

/** Deletes a range once there is room; notes it as `store` does. */
export async function deleteRange(
  engine: Engine,
  history: StoreHistory,
  range: HistoryRange,
): Promise<{ readonly acknowledged: Promise<void> }> {
  const start = Buffer.from(range.start, "latin1");
  const end = range.end === undefined ? undefined : Buffer.from(range.end, "latin1");
  const ask = () => engine.whenWritable(start.length + (end?.length ?? 0));
  for (let room = ask(); room !== undefined; room = ask()) await room;
  const stored = engine.deleteRange(start, end);
  history.deleteRange(range, stored.sequence);
  return { acknowledged: noteAcknowledgement(history, stored) };
}

function noteAcknowledgement(history: StoreHistory, { sequence, durable }: StoredEntry): Promise<void> {
  const acknowledged = durable.then(() => history.acknowledge(sequence));
  // Whoever waits for it may do so later.
  acknowledged.catch(() => {});
  return acknowledged;
}
