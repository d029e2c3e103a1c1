import { expect } from "bun:test";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineObserver } from "../../src/engine/observer.ts";
import type { EngineOptions } from "../../src/engine/options.ts";
import type { View } from "../../src/engine/view.ts";
import { InlineRunner } from "../../src/engine/workers/inline.ts";
import type { CrashPolicy } from "../../src/platform/crash.ts";
import type { FileSystem } from "../../src/platform/file-system.ts";
import type { MemoryFileSystem } from "../../src/platform/memory.ts";
import { type Random, seededRandom } from "../../src/platform/random.ts";
import { EagerClock } from "./eager-clock.ts";
import { memoryEnvironment } from "./memory-environment.ts";
import { below, oneIn, randomEntry, randomKey } from "./random-operations.ts";
import { type HistoryEntry, newFound, StoreHistory, scan, sorted } from "./store-history.ts";

export function openEngine(
  files: FileSystem,
  options: EngineOptions,
  seed: number,
  observer: Partial<EngineObserver> = {},
): Promise<Engine> {
  const environment = { ...memoryEnvironment(files, seed, observer), clock: new EagerClock() };
  return Engine.open(environment, options, new InlineRunner(files));
}

/** Stores entries together once there is room; notes them, and their acknowledgement when it comes. */
export async function store(
  engine: Engine,
  history: StoreHistory,
  entries: readonly HistoryEntry[],
): Promise<{ readonly acknowledged: Promise<void> }> {
  const encoded = entries.map(({ key, kind, value }) => ({
    key: Buffer.from(key, "latin1"),
    kind,
    value: Buffer.from(value, "latin1"),
  }));
  const sizeBytes = encoded.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  const ask = () => engine.whenWritable(sizeBytes, encoded.length);
  for (let room = ask(); room !== undefined; room = ask()) await room;
  const [only] = encoded;
  const stored =
    encoded.length === 1 && only !== undefined
      ? engine.put(only.key, only.key.length, only.kind, only.value, only.value.length)
      : engine.write(encoded);
  history.append(entries, stored.sequence);
  return { acknowledged: stored.durable.then(() => history.acknowledge(stored.sequence)) };
}

interface OpenView {
  readonly view: View;
  readonly expected: Map<string, string>;
}

export interface DriverSettings {
  readonly options: EngineOptions;
  readonly seed: number;
  readonly keyCount: number;
  readonly maxValueBytes: number;
  /** What a crash may do; absent where the run has no crashes. */
  readonly crash?: (random: Random) => CrashPolicy;
  /** The log does not promise that acknowledged writes survive a crash of the machine. */
  readonly losesAcknowledged?: boolean;
}

/**
 * Runs random operations on an engine in memory and compares every answer with the history of writes.
 * The same seed repeats the run.
 */
export class EngineDriver {
  readonly history = new StoreHistory();
  readonly #settings: DriverSettings;
  readonly #random: Random;
  #files: MemoryFileSystem;
  #engine: Engine;
  #views: OpenView[] = [];
  #acknowledgements: Promise<void>[] = [];
  #opened = 0;

  private constructor(settings: DriverSettings, random: Random, files: MemoryFileSystem, engine: Engine) {
    this.#settings = settings;
    this.#random = random;
    this.#files = files;
    this.#engine = engine;
  }

  static async start(settings: DriverSettings, files: MemoryFileSystem): Promise<EngineDriver> {
    const engine = await openEngine(files, settings.options, settings.seed);
    return new EngineDriver(settings, seededRandom(settings.seed), files, engine);
  }

  async run(operationCount: number): Promise<void> {
    for (let done = 0; done < operationCount; done++) await this.#step();
    await this.#reopen();
    await this.#engine.close();
    expect([this.#files.openFileCount, this.#files.mapCount]).toEqual([0, 0]);
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const choice = below(random, 1000);
    if (choice < 600) await this.#write(1);
    else if (choice < 680) await this.#write(1 + below(random, 6));
    else if (choice < 860) this.#get();
    else if (choice < 910) this.#scanRange();
    else if (choice < 935) this.#openView();
    else if (choice < 965) this.#checkView();
    else if (choice < 975) await this.#engine.flush();
    else if (choice < 985) await this.#reopen();
    else if (choice < 992 && this.#settings.crash !== undefined)
      await this.#crash(this.#settings.crash(random));
    else await this.#settle();
  }

  async #write(count: number): Promise<void> {
    const { keyCount, maxValueBytes } = this.#settings;
    const size = count === 1 ? maxValueBytes : maxValueBytes / 8;
    const entries = Array.from({ length: count }, () => randomEntry(this.#random, keyCount, size));
    const { acknowledged } = await store(this.#engine, this.history, entries);
    if (oneIn(this.#random, 3)) await acknowledged;
    else this.#acknowledgements.push(acknowledged);
  }

  #get(): void {
    const key = randomKey(this.#random, this.#settings.keyCount);
    const bytes = Buffer.from(key, "latin1");
    const found = newFound();
    const held = this.history.stateAt(Number.MAX_SAFE_INTEGER).get(key);
    expect(this.#engine.get(bytes, bytes.length, found)).toBe(held !== undefined);
    if (held !== undefined) {
      expect(held.endsWith(` ${Buffer.from(found.value.copy()).toString("latin1")}`)).toBe(true);
    }
  }

  #scanRange(): void {
    const [start = "", end] = [0, 0].map(() => randomKey(this.#random, this.#settings.keyCount)).sort();
    const view = this.#engine.view();
    const seen = scan(view.cursor(Buffer.from(start, "latin1"), Buffer.from(end!, "latin1")));
    expect(seen).toEqual(sorted(this.history.stateAt(view.sequence), start, end));
    view.close();
  }

  #openView(): void {
    if (this.#views.length > 3) this.#views.shift()!.view.close();
    const view = this.#engine.view();
    this.#views.push({ view, expected: this.history.stateAt(view.sequence) });
  }

  #checkView(): void {
    const open = this.#views[below(this.#random, this.#views.length || 1)];
    if (open !== undefined) expect(scan(open.view.cursor())).toEqual(sorted(open.expected));
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#acknowledgements.splice(0));
    expect(this.#engine.status().durableSequence).toBe(this.#engine.status().lastSequence);
  }

  async #reopen(): Promise<void> {
    await this.#engine.close();
    this.#views = [];
    await Promise.all(this.#acknowledgements.splice(0));
    await this.#openAgain();
    expect(this.#engine.status().damage).toEqual([]);
  }

  async #crash(policy: CrashPolicy): Promise<void> {
    const crashed = this.#files.crashClone(policy);
    const acknowledged = this.#settings.losesAcknowledged === true ? 0 : this.history.acknowledged;
    await Promise.allSettled([this.#engine.close(), ...this.#acknowledgements.splice(0)]);
    this.#views = [];
    this.#files = crashed;
    this.history.acknowledged = acknowledged;
    await this.#openAgain();
  }

  async #openAgain(): Promise<void> {
    this.#engine = await openEngine(
      this.#files,
      this.#settings.options,
      this.#settings.seed + ++this.#opened,
    );
    this.history.checkRecovered(this.#engine);
  }
}
