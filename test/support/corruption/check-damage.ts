/**
 * What a store may do about a damaged file, and nothing else:
 *
 * 1. It answers rightly, or says that something is damaged: at the start, by the read that meets it, or in its list
 *    of damage. Whatever is thrown is a StorageError that names a file.
 * 2. Without a report nothing is missing. With one, a key may have an older state that it once had, or none; after a
 *    torn tail, and in mode `point_in_time`, the whole store has the state of one earlier moment.
 * 3. No answer is a value that the key never had.
 * 4. Damage to a log loses nothing that is in tables.
 * 5. What the engine meets, `verify` finds.
 * 6. Compaction makes nothing of it.
 * 7. Another start finds what the first one left.
 *
 * One case cannot be told from a crash, and loses records without a report: the end of the last segment is zeroed
 * exactly from where a frame ends, or cut off so that not even a frame can have been in it. The rest of the store must
 * be as of an earlier moment.
 */
import { expect } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import { framesOffset } from "../../../src/engine/commit-log/format.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import type { RecoveryMode } from "../../../src/engine/options.ts";
import { type VerifyReport, verifyDataDirectory } from "../../../src/engine/verify.ts";
import type { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { openEngine } from "../engine-driver.ts";
import { lookUp, scan, sorted } from "../store-history.ts";
import { readWhole, writeWhole } from "../whole-file.ts";
import type { Damage } from "./damages.ts";
import { directories, type SoundStore, storeKeys } from "./sound-store.ts";

export type Outcome = "harmless" | "detected" | "end lost";

/** What a store answered: by key, where it could be read. */
interface Answers {
  readonly values: ReadonlyMap<string, string | undefined>;
  /** Reads that reported damage. */
  readonly failedReads: number;
}

/** Damages a copy of the store's file, and checks what verify, a start and reads make of it; `undefined`: no change. */
export async function checkDamage(
  store: SoundStore,
  damage: Damage,
  mode: RecoveryMode,
): Promise<Outcome | undefined> {
  const files = store.files.killClone();
  const before = readWhole(files, damage.path);
  const after = damage.apply(before);
  if (after === undefined) await files.remove(damage.path);
  else if (Buffer.compare(before, after) === 0) return undefined;
  else writeWhole(files, damage.path, after);

  const report = verifyQuietly(files);
  const isEnd = damage.path === store.lastSegmentPath && isGoneFromFirstChange(before, after);
  const outcome = await new DamagedStart(store, damage, mode, isEnd, files).run();
  if (outcome === "harmless") return report.findings.length > 0 ? "detected" : "harmless";
  if (outcome === "end lost") return outcome;
  expect(report.findings.length + report.notes.length, "what the engine met, verify finds").toBeGreaterThan(
    0,
  );
  return "detected";
}

/** Nothing is left from the first changed byte on: not even the size, where that is within the headers. */
function isGoneFromFirstChange(before: Uint8Array, after: Uint8Array | undefined): boolean {
  if (after === undefined || after.length <= framesOffset) return true;
  const firstChange = before.findIndex((byte, index) => byte !== after[index]);
  return after.length === before.length && after.subarray(firstChange).every((byte) => byte === 0);
}

function verifyQuietly(files: MemoryFileSystem): VerifyReport {
  try {
    return verifyDataDirectory(files, directories);
  } catch (error) {
    expectNamed(error);
    return {
      findings: [{ file: "", offset: 0, message: String(error) }],
      notes: [],
      fileCount: 0,
      sizeBytes: 0,
    };
  }
}

/** Whatever goes wrong is said with the name of a file. */
function expectNamed(error: unknown): void {
  if (!(error instanceof StorageError)) throw error;
  expect(error.file, error.message).toBeDefined();
  expect(["CORRUPTED_DATA", "COMMIT_LOG_FAILED"]).toContain(error.code);
}

class DamagedStart {
  readonly #store: SoundStore;
  readonly #damage: Damage;
  readonly #mode: RecoveryMode;
  /** The end of the log is gone, as if it had never been written. */
  readonly #isEnd: boolean;
  readonly #files: MemoryFileSystem;
  #tornTails = 0;
  #isEndLost = false;

  constructor(
    store: SoundStore,
    damage: Damage,
    mode: RecoveryMode,
    isEnd: boolean,
    files: MemoryFileSystem,
  ) {
    this.#store = store;
    this.#damage = damage;
    this.#mode = mode;
    this.#isEnd = isEnd;
    this.#files = files;
  }

  async run(): Promise<Outcome> {
    let engine: Engine;
    try {
      engine = await this.#open();
    } catch (error) {
      expectNamed(error);
      return "detected";
    }
    let answers: Answers;
    let damageCount: number;
    try {
      engine.pauseCompaction();
      damageCount = engine.status().damage.length;
      answers = readAll(engine);
      this.#check(answers, damageCount > 0);
      if (this.#damage.path.endsWith(".sst")) await this.#checkCompaction(engine);
    } finally {
      await engine.close();
    }
    const isReported = damageCount > 0 || this.#tornTails > 0 || answers.failedReads > 0;
    if (damageCount > 0 || this.#tornTails > 0) await this.#checkNextStart(answers);
    expect([this.#files.openFileCount, this.#files.mapCount]).toEqual([0, 0]);
    if (this.#isEndLost) return "end lost";
    return isReported ? "detected" : "harmless";
  }

  #open(): Promise<Engine> {
    const options = { ...this.#store.options, recoveryMode: this.#mode };
    return openEngine(this.#files, options, 2, { tornTailCut: () => this.#tornTails++ });
  }

  #check(answers: Answers, isDamaged: boolean): void {
    const { history, lastSequence, flushedThrough } = this.#store;
    const truth = history.stateAt(lastSequence);
    const isLog = this.#damage.path.endsWith(".log");
    const isCut = isDamaged ? this.#mode === "point_in_time" : this.#tornTails > 0;
    if (isCut && answers.failedReads === 0) this.#expectEarlierMoment(answers);
    for (const [key, answer] of answers.values) {
      if (answer === truth.get(key)) continue;
      const isReported = isDamaged || this.#tornTails > 0;
      expect(isReported || this.#isEnd, `${key} is ${answer}, without a report`).toBe(true);
      if (!isReported) this.#isEndLost = true;
      const states = history.statesOf(key);
      expect([undefined, ...states], `${key} was ${answer} at some time`).toContain(answer);
      if (isLog) expect(history.lastChangeOf(key)).toBeGreaterThan(flushedThrough);
    }
    if (this.#isEndLost) this.#expectEarlierMoment(answers);
  }

  /** All keys as of one moment: nothing later is there, nothing earlier missing. */
  #expectEarlierMoment({ values }: Answers): void {
    const present = sorted(
      new Map([...values].filter((entry): entry is [string, string] => entry[1] !== undefined)),
    );
    const { history, lastSequence } = this.#store;
    let moment = Math.max(0, ...present.map(([, answer]) => sequenceOf(answer)));
    // What a range deletion took leaves no trace.
    while (moment < lastSequence && !Bun.deepEquals(sorted(history.stateAt(moment)), present)) moment++;
    expect(present).toEqual(sorted(history.stateAt(moment)));
  }

  /** Merging refuses what is damaged, so that it never gets a new checksum. */
  async #checkCompaction(engine: Engine): Promise<void> {
    engine.resumeCompaction();
    await engine.compactRange().catch(expectNamed);
    this.#check(readAll(engine), false);
  }

  async #checkNextStart(answers: Answers): Promise<void> {
    const engine = await this.#open();
    try {
      expect(readAll(engine)).toEqual(answers);
    } finally {
      await engine.close();
    }
  }
}

function sequenceOf(answer: string | undefined): number {
  return Number(/@(\d+)/.exec(answer ?? "@0")![1]);
}

/** Every key by itself, and all in a scan, which must agree with them. */
function readAll(engine: Engine): Answers {
  const values = new Map<string, string | undefined>();
  let failedReads = 0;
  for (const key of storeKeys) {
    try {
      values.set(key, lookUp(engine, key));
    } catch (error) {
      expectNamed(error);
      failedReads++;
    }
  }
  const view = engine.view();
  try {
    const seen = scan(view.cursor());
    expect(failedReads, "the scan passed over what a look-up could not read").toBe(0);
    const present = [...values].filter((entry): entry is [string, string] => entry[1] !== undefined);
    expect(seen).toEqual(sorted(new Map(present)));
  } catch (error) {
    expectNamed(error);
    failedReads++;
  } finally {
    view.close();
  }
  return { values, failedReads };
}
