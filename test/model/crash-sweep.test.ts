/**
 * Crashes the machine at every file-system operation of a scripted run, keeping none, all, every prefix of pages
 * and random subsets of sectors of what was not synced, and checks each time what the store recovers to.
 *
 * `SWEEP_RANDOM=N` tries more random subsets at each operation.
 */
import { describe, expect, test } from "bun:test";
import { keepNone } from "../../src/platform/crash.ts";
import { MemoryFileSystem } from "../../src/platform/memory.ts";
import { checkInterruptedCheckpoint } from "../support/checkpoints.ts";
import { crashPolicies } from "../support/crash-policies.ts";
import { openEngine } from "../support/engine-driver.ts";
import { StoreHistory } from "../support/store-history.ts";
import { runScript, sweepOptions, sweptCheckpoint } from "../support/sweep-script.ts";

const randomCount = Number(process.env["SWEEP_RANDOM"] ?? 2);

interface Moment {
  readonly title: string;
  readonly files: MemoryFileSystem;
  readonly history: StoreHistory;
}

async function countOperations(): Promise<number> {
  const files = new MemoryFileSystem();
  await runScript(files, new StoreHistory());
  return files.operationCount;
}

/** The crashes at every `stride`-th operation from `first` on. */
async function collectMoments(first: number, stride: number, options = sweepOptions): Promise<Moment[]> {
  const files = new MemoryFileSystem();
  const history = new StoreHistory();
  const moments: Moment[] = [];
  files.onOperation = ({ index, kind, path }) => {
    if (index % stride !== first) return;
    for (const policy of crashPolicies(files, index, randomCount)) {
      const title = `crash before operation ${index} (${kind} ${path}), ${policy.name}`;
      moments.push({ title, files: files.crashClone(policy), history: history.copy() });
    }
  };
  await runScript(files, history, options);
  return moments;
}

async function checkMoment({ title, files, history }: Moment): Promise<void> {
  try {
    const engine = await openEngine(files, sweepOptions, 77);
    try {
      expect(engine.status().damage).toEqual([]);
      history.checkRecovered(engine);
    } finally {
      await engine.close();
    }
    await checkInterruptedCheckpoint(files, sweptCheckpoint, sweepOptions, history);
  } catch (error) {
    throw new Error(title, { cause: error });
  }
}

/** Slices keep the memory of one test within bounds, and let them be told apart. */
const sliceCount = 8;

describe("crash sweep", () => {
  test("the script does at least 300 operations", async () => {
    expect(await countOperations()).toBeGreaterThanOrEqual(300);
  });

  for (let slice = 0; slice < sliceCount; slice++) {
    test(`slice ${slice + 1} of ${sliceCount}: no acknowledged write lost, none half there`, async () => {
      const moments = await collectMoments(slice, sliceCount);
      expect(moments.length).toBeGreaterThan(0);
      for (const moment of moments) await checkMoment(moment);
    }, 300_000);
  }

  test("canary: a store that acknowledges before the sync is found out", async () => {
    const hasty = { ...sweepOptions, commitLog: { ...sweepOptions.commitLog, sync: "never" as const } };
    const moments = await collectMoments(0, sliceCount, hasty);
    const failures: string[] = [];
    for (const moment of moments) {
      await checkMoment(moment).catch((error: Error) => failures.push(String(error.cause)));
    }
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toContain("acknowledged up to");
  }, 300_000);

  test("a crash in the middle of recovery leads to the same contents", async () => {
    const files = new MemoryFileSystem();
    const history = new StoreHistory();
    let interrupted: MemoryFileSystem | undefined;
    files.onOperation = ({ index }) => {
      if (index === 200) interrupted = files.crashClone(keepNone);
    };
    await runScript(files, history);
    expect(interrupted).toBeDefined();
    const recovering = interrupted!;
    const moments: Moment[] = [];
    recovering.onOperation = ({ index }) => {
      for (const policy of crashPolicies(recovering, index, randomCount)) {
        const title = `crash before operation ${index} of recovery, ${policy.name}`;
        moments.push({ title, files: recovering.crashClone(policy), history: history.copy() });
      }
    };
    const engine = await openEngine(recovering, sweepOptions, 5);
    const { lastSequence } = engine.status();
    await engine.close();
    for (const { title, files: crashed } of moments) {
      const again = await openEngine(crashed, sweepOptions, 6);
      if (again.status().lastSequence !== lastSequence) throw new Error(title);
      history.checkContents(again, lastSequence);
      await again.close();
    }
  }, 300_000);
});
