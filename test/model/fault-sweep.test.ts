/**
 * Fails every file-system operation of a scripted run, one run for each: the store says so or gets over it, never
 * answers wrongly meanwhile, and after a restart on a sound disk holds everything that it has acknowledged.
 */
import { describe, expect, test } from "bun:test";
import { keepAll, keepNone } from "../../src/platform/crash.ts";
import { FaultFileSystem } from "../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../src/platform/memory.ts";
import { checkInterruptedCheckpoint } from "../support/checkpoints.ts";
import { openEngine } from "../support/engine-driver.ts";
import { StoreHistory } from "../support/store-history.ts";
import { runScript, sweepOptions, sweptCheckpoint } from "../support/sweep-script.ts";

interface Fault {
  readonly errno: string;
  readonly shortWrites: boolean;
}

async function countOperations(): Promise<number> {
  const files = new FaultFileSystem(new MemoryFileSystem());
  await runScript(files, new StoreHistory());
  return files.operationCount;
}

/** Runs the script with operation `index` failing; returns whether the script noticed. */
async function runWithFault(index: number, { errno, shortWrites }: Fault): Promise<boolean> {
  const disk = new MemoryFileSystem();
  const files = new FaultFileSystem(disk, (operation) => (operation.index === index ? errno : undefined), {
    shortWrites,
  });
  const history = new StoreHistory();
  let noticed = false;
  await runScript(files, history).catch(() => {
    noticed = true;
  });
  expect([disk.openFileCount, disk.mapCount]).toEqual([0, 0]);
  for (const policy of [keepNone, keepAll]) {
    const crashed = disk.crashClone(policy);
    const engine = await openEngine(crashed, sweepOptions, 9);
    expect(engine.status().damage).toEqual([]);
    history.copy().checkRecovered(engine);
    await engine.close();
    await checkInterruptedCheckpoint(crashed, sweptCheckpoint, sweepOptions, history);
  }
  return noticed;
}

const faults: Record<string, Fault> = {
  "input/output error": { errno: "EIO", shortWrites: false },
  "input/output error with half of the bytes written": { errno: "EIO", shortWrites: true },
  "no space left": { errno: "ENOSPC", shortWrites: true },
};

describe("fault sweep", () => {
  for (const [name, fault] of Object.entries(faults)) {
    test(name, async () => {
      const operationCount = await countOperations();
      expect(operationCount).toBeGreaterThanOrEqual(300);
      let noticedCount = 0;
      for (let index = 0; index < operationCount; index++) {
        try {
          if (await runWithFault(index, fault)) noticedCount++;
        } catch (error) {
          throw new Error(`${fault.errno} at operation ${index}`, { cause: error });
        }
      }
      expect(noticedCount).toBeGreaterThan(0);
    }, 600_000);
  }
});
