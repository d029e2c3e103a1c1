import { expect } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import type { EntryCursor } from "../../../src/engine/internal-key.ts";
import type { EngineObserver } from "../../../src/engine/observer.ts";
import type { EngineOptions } from "../../../src/engine/options.ts";
import type { View } from "../../../src/engine/view.ts";
import { type CrashPolicy, keepNone, keepRandomSectors } from "../../../src/platform/crash.ts";
import { FaultFileSystem, type FaultInjector } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { checkInterruptedCheckpoint } from "../checkpoints.ts";
import { openEngine } from "../engine-driver.ts";
import { StoreHistory } from "../store-history.ts";

/** How a store is run, whatever is done to it. */
export interface StoreSettings {
  readonly options: EngineOptions;
  readonly seed: number;
  /** Told what the engine does. */
  readonly observer?: Partial<EngineObserver>;
  /** The log does not promise that acknowledged writes survive a crash of the machine. */
  readonly losesAcknowledged?: boolean;
  /** Flushes begin up to so many turns late. */
  readonly mostTurnsBeforeJob?: number;
  /** Views may end by themselves, for what they pin. */
  readonly endsViews?: boolean;
  /** File operations fail now and then. */
  readonly fails?: boolean;
  /**
   * Every write is waited for, and no crash loses one: then what a run answers depends on its operations alone, and
   * all configurations must agree.
   */
  readonly isQuiet?: boolean;
}

/** A view, and a cursor that goes through it in several steps. */
export interface OpenView {
  readonly view: View;
  readonly cursor: EntryCursor;
  readonly expected: readonly [string, string][];
  position: number;
}

/**
 * An engine in memory, the history of what was written to it, and what is under way. Operations use it and compare
 * every answer with the history.
 */
export class StoreUnderTest {
  readonly history = new StoreHistory();
  readonly settings: StoreSettings;
  /** Fails file operations while it is set. */
  injector: FaultInjector | undefined;
  /** A failure of the disk may show later, until the store is opened again. */
  mayFail = false;
  views: OpenView[] = [];
  /** Acknowledgements that nobody has waited for yet. */
  acknowledgements: Promise<void>[] = [];
  compactions: Promise<void>[] = [];
  /** Under way; none rejects unless it is wrong. */
  checkpoints: { readonly directory: string; readonly made: Promise<unknown> }[] = [];
  #files = new MemoryFileSystem();
  #engine: Engine | undefined;
  #opened = 0;

  private constructor(settings: StoreSettings) {
    this.settings = settings;
  }

  static async open(settings: StoreSettings): Promise<StoreUnderTest> {
    const store = new StoreUnderTest(settings);
    await store.#openAgain();
    return store;
  }

  get engine(): Engine {
    return this.#engine!;
  }

  /** The newest entry that reads may see. */
  get readableSequence(): number {
    const { writingStopped, durableSequence } = this.engine.status();
    return writingStopped === undefined ? Number.MAX_SAFE_INTEGER : durableSequence;
  }

  /** What a crash of the machine leaves now if it keeps nothing but what was synced. */
  syncedFiles(): MemoryFileSystem {
    return this.#files.crashClone(keepNone);
  }

  /** Waits for the checkpoints under way. */
  async endCheckpoints(): Promise<void> {
    await Promise.all(this.checkpoints.splice(0).map(({ made }) => made));
  }

  /** Throws all files out of memory while `read` runs: what it reads, it must have waited for. */
  async whileEvicted<Answer>(read: () => Promise<Answer>): Promise<Answer> {
    this.#files.evict();
    try {
      return await read();
    } finally {
      this.#files.bringIn();
    }
  }

  /** A close and another start, with nothing lost. */
  async reopen(): Promise<void> {
    await this.engine.close();
    await this.endCheckpoints();
    // What was not done by then is rejected.
    await Promise.allSettled(this.compactions.splice(0));
    this.views = [];
    await Promise.all(this.acknowledgements.splice(0));
    await this.#openAgain();
    expect(this.engine.status().damage).toEqual([]);
  }

  /** The death of the machine, or, without a policy, of the process alone. */
  async crash(policy: CrashPolicy | undefined): Promise<void> {
    const losesAcknowledged = this.settings.losesAcknowledged === true;
    const fate = losesAcknowledged && this.settings.isQuiet === true ? undefined : policy;
    const crashed = fate === undefined ? this.#files.killClone() : this.#files.crashClone(fate);
    const acknowledged = fate !== undefined && losesAcknowledged ? 0 : this.history.acknowledged;
    const underWay = [...this.acknowledgements.splice(0), ...this.compactions.splice(0)];
    const interrupted = this.checkpoints.map(({ directory }) => directory);
    await Promise.allSettled([this.engine.close(), ...underWay]);
    await this.endCheckpoints();
    this.views = [];
    this.#files = crashed;
    this.history.acknowledged = acknowledged;
    await this.#openAgain();
    for (const directory of interrupted) {
      await checkInterruptedCheckpoint(crashed, directory, this.settings.options, this.history);
    }
  }

  /** After an error that a failing disk explains: starts again from what is on it. Throws any other. */
  async restartAfter(error: unknown): Promise<void> {
    if (!this.mayFail || !(error instanceof StorageError)) throw error;
    await this.crash(keepRandomSectors(seededRandom(this.settings.seed + this.#opened)));
  }

  /** Closes the engine; nothing of it may be left open. */
  async close(): Promise<void> {
    await this.engine.close();
    expect([this.#files.openFileCount, this.#files.mapCount]).toEqual([0, 0]);
  }

  async #openAgain(): Promise<void> {
    this.mayFail = false;
    const { options, seed, mostTurnsBeforeJob, observer } = this.settings;
    const faults = new FaultFileSystem(this.#files, (operation) => this.injector?.(operation));
    this.#engine = await openEngine(faults, options, seed + this.#opened++, observer, mostTurnsBeforeJob);
    this.history.checkRecovered(this.#engine);
  }
}
