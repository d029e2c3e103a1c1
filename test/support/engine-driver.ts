import { expect } from "bun:test";
import { StorageError } from "../../src/base/errors.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { EntryCursor } from "../../src/engine/internal-key.ts";
import type { EngineObserver } from "../../src/engine/observer.ts";
import type { EngineOptions } from "../../src/engine/options.ts";
import type { View } from "../../src/engine/view.ts";
import { InlineRunner } from "../../src/engine/workers/inline.ts";
import type { CrashPolicy } from "../../src/platform/crash.ts";
import { FaultFileSystem, type FaultInjector } from "../../src/platform/fault.ts";
import type { FileSystem } from "../../src/platform/file-system.ts";
import type { MemoryFileSystem } from "../../src/platform/memory.ts";
import type { OperationKind } from "../../src/platform/operation.ts";
import { type Random, seededRandom } from "../../src/platform/random.ts";
import { EagerClock } from "./eager-clock.ts";
import { memoryEnvironment } from "./memory-environment.ts";
import { below, oneIn, randomEntry, randomKey, randomTombstone } from "./random-operations.ts";
import { SlowRunner } from "./slow-runner.ts";
import { type HistoryEntry, lookUp, StoreHistory, scan, sorted, takeEntries } from "./store-history.ts";

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
  const acknowledged = stored.durable.then(() => history.acknowledge(stored.sequence));
  // Whoever waits for it may do so later.
  acknowledged.catch(() => {});
  return { acknowledged };
}

/** A view, and a cursor that goes through it in several steps. */
interface OpenView {
  readonly view: View;
  readonly cursor: EntryCursor;
  readonly expected: readonly [string, string][];
  position: number;
}

export interface DriverSettings {
  readonly options: EngineOptions;
  readonly seed: number;
  readonly keyCount: number;
  readonly maxValueBytes: number;
  /** What a crash of the machine may do, `undefined` to kill the process; absent where the run has no crashes. */
  readonly crash?: (random: Random) => CrashPolicy | undefined;
  /** Told what the engine does. */
  readonly observer?: Partial<EngineObserver>;
  /** The log does not promise that acknowledged writes survive a crash of the machine. */
  readonly losesAcknowledged?: boolean;
  /** Flushes begin up to so many turns late. */
  readonly mostTurnsBeforeJob?: number;
  /** Views may end by themselves, for what they pin. */
  readonly endsViews?: boolean;
  /** Now and then file operations fail. */
  readonly fails?: boolean;
}

/** What a failing disk does: operations of a kind, on some files. */
const failures: readonly [OperationKind, RegExp, string][] = [
  ["sync", /\.log$/, "EIO"],
  ["write", /\.log$/, "EIO"],
  ["write", /\.sst$/, "ENOSPC"],
  ["write", /MANIFEST/, "ENOSPC"],
  ["sync", /MANIFEST/, "EIO"],
  ["sync", /\.sst$/, "EIO"],
  ["zero-fill", /\.log$/, "ENOSPC"],
  ["create", /./, "ENOSPC"],
  ["sync-directory", /./, "EIO"],
  ["remove", /./, "EIO"],
  ["map", /\.sst$/, "ENOMEM"],
];

/**
 * Runs random operations on an engine in memory and compares every answer with the history of writes.
 * The same seed repeats the run.
 */
export class EngineDriver {
  readonly history = new StoreHistory();
  readonly #settings: DriverSettings;
  readonly #random: Random;
  #files: MemoryFileSystem;
  readonly #faults: { injector: FaultInjector } = { injector: () => undefined };
  #engine: Engine;
  #views: OpenView[] = [];
  #acknowledgements: Promise<void>[] = [];
  #compactions: Promise<void>[] = [];
  #opened = 0;
  #hasFailed = false;

  private constructor(settings: DriverSettings, files: MemoryFileSystem, engine: Engine) {
    this.#settings = settings;
    this.#random = seededRandom(settings.seed);
    this.#files = files;
    this.#engine = engine;
  }

  static async start(settings: DriverSettings, files: MemoryFileSystem): Promise<EngineDriver> {
    const engine = await openEngine(files, settings.options, settings.seed, settings.observer);
    return new EngineDriver(settings, files, engine);
  }

  async run(operationCount: number): Promise<void> {
    for (let done = 0; done < operationCount; done++)
      await this.#step().catch((error) => this.#restart(error));
    await this.#reopen().catch((error) => this.#restart(error));
    await this.#engine.close();
    expect([this.#files.openFileCount, this.#files.mapCount]).toEqual([0, 0]);
  }

  get #hasRecords(): boolean {
    return this.#settings.options.compaction.recordFormat === "versioned";
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
    else if (choice < 972) await this.#engine.flush();
    else if (choice < 980) await this.#compact();
    else if (choice < 987) await this.#reopen();
    else if (choice < 992 && this.#settings.crash !== undefined)
      await this.#crash(this.#settings.crash(random));
    else if (choice < 996 && this.#settings.fails === true) await this.#fail();
    else await this.#settle();
  }

  async #write(count: number): Promise<void> {
    const { keyCount, maxValueBytes } = this.#settings;
    const size = count === 1 ? maxValueBytes : maxValueBytes / 8;
    const entries = Array.from({ length: count }, () =>
      this.#hasRecords && oneIn(this.#random, 4)
        ? randomTombstone(this.#random, keyCount)
        : randomEntry(this.#random, keyCount, size),
    );
    const { acknowledged } = await store(this.#engine, this.history, entries);
    if (oneIn(this.#random, 3)) await acknowledged;
    else this.#acknowledgements.push(acknowledged);
  }

  #get(): void {
    const key = randomKey(this.#random, this.#settings.keyCount);
    const { writingStopped, durableSequence } = this.#engine.status();
    const readable = writingStopped === undefined ? Number.MAX_SAFE_INTEGER : durableSequence;
    expect(lookUp(this.#engine, key)).toBe(this.history.stateAt(readable).get(key));
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
    const expected = sorted(this.history.stateAt(view.sequence));
    this.#views.push({ view, cursor: view.cursor(), expected, position: 0 });
  }

  #checkView(): void {
    const open = this.#views[below(this.#random, this.#views.length || 1)];
    if (open === undefined) return;
    try {
      if (oneIn(this.#random, 3)) expect(scan(open.view.cursor())).toEqual([...open.expected]);
      else this.#goOn(open, 1 + below(this.#random, 5));
    } catch (error) {
      const isAborted = error instanceof StorageError && error.code === "ABORTED";
      if (!isAborted || this.#settings.endsViews !== true) throw error;
      this.#views.splice(this.#views.indexOf(open), 1);
    }
  }

  /** Goes some entries further in the scan of a view that was begun earlier. */
  #goOn(open: OpenView, count: number): void {
    const { cursor, expected } = open;
    const isBegun = open.position > 0;
    const seen = takeEntries(cursor, isBegun, count);
    expect(seen).toEqual(expected.slice(open.position, open.position + count));
    open.position += seen.length;
    if (seen.length < count) open.position = 0;
  }

  /** A range is compacted, or compaction pauses until the next time; views and writes go on meanwhile. */
  async #compact(): Promise<void> {
    const random = this.#random;
    if (oneIn(random, 4)) return this.#engine.pauseCompaction();
    this.#engine.resumeCompaction();
    if (oneIn(random, 4)) return this.#engine.whenCompacted();
    const [start, end] = [0, 0].map(() => Buffer.from(randomKey(random, this.#settings.keyCount), "latin1"));
    const asked = oneIn(random, 3) ? this.#engine.compactRange() : this.#engine.compactRange(start, end);
    const compacted = asked.catch((error: unknown) => {
      if (this.#settings.fails !== true) throw error;
    });
    if (oneIn(random, 2)) await compacted;
    else {
      compacted.catch(() => {});
      this.#compactions.push(compacted);
    }
  }

  async #settle(): Promise<void> {
    this.#engine.resumeCompaction();
    await Promise.all(this.#compactions.splice(0));

    await Promise.all(this.#acknowledgements.splice(0));
    expect(this.#engine.status().durableSequence).toBe(this.#engine.status().lastSequence);
  }

  async #reopen(): Promise<void> {
    await this.#engine.close();
    // What was not done by then is rejected.
    await Promise.allSettled(this.#compactions.splice(0));
    this.#views = [];
    await Promise.all(this.#acknowledgements.splice(0));
    await this.#openAgain();
    expect(this.#engine.status().damage).toEqual([]);
  }

  /** The death of the machine, or, without a policy, of the process alone. */
  async #crash(policy: CrashPolicy | undefined): Promise<void> {
    const crashed = policy === undefined ? this.#files.killClone() : this.#files.crashClone(policy);
    const losesAcknowledged = policy !== undefined && this.#settings.losesAcknowledged === true;
    const acknowledged = losesAcknowledged ? 0 : this.history.acknowledged;
    const underWay = [...this.#acknowledgements.splice(0), ...this.#compactions.splice(0)];
    await Promise.allSettled([this.#engine.close(), ...underWay]);
    this.#views = [];
    this.#files = crashed;
    this.history.acknowledged = acknowledged;
    await this.#openAgain();
  }

  /** Some writes and flushes while operations fail; what the store says meanwhile is true. */
  async #fail(): Promise<void> {
    const random = this.#random;
    const [kind, path, errno] = failures[below(random, failures.length)]!;
    const failsOneIn = 1 + below(random, 3);
    this.#faults.injector = (operation) =>
      operation.kind === kind && path.test(operation.path) && oneIn(random, failsOneIn) ? errno : undefined;
    for (let count = 5 + below(random, 20); count > 0; count--) {
      await this.#write(1).catch(expectStorageError);
      if (oneIn(random, 8)) await this.#engine.flush().catch(() => {});
    }
    this.#faults.injector = () => undefined;
    const { writingStopped, durableSequence } = this.#engine.status();
    if (writingStopped !== undefined) this.history.checkContents(this.#engine, durableSequence);
    this.#hasFailed = true;
  }

  /** What failed may show only later, until the store is opened again. */
  async #restart(error: unknown): Promise<void> {
    if (!this.#hasFailed || !(error instanceof StorageError)) throw error;
    await this.#crash(this.#settings.crash!(this.#random));
  }

  async #openAgain(): Promise<void> {
    this.#hasFailed = false;
    const { options, seed, mostTurnsBeforeJob, observer } = this.#settings;
    const faults = new FaultFileSystem(this.#files, (operation) => this.#faults.injector(operation));
    this.#engine = await openEngine(faults, options, seed + ++this.#opened, observer, mostTurnsBeforeJob);
    this.history.checkRecovered(this.#engine);
  }
}

function expectStorageError(error: unknown): void {
  expect(error).toBeInstanceOf(StorageError);
}
