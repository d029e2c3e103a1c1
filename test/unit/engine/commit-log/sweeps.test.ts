import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import type { Commit } from "../../../../src/engine/commit-log/writer.ts";
import type { SyncMode } from "../../../../src/engine/options.ts";
import { keepNone } from "../../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import type { FileSystem } from "../../../../src/platform/file-system.ts";
import type { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { crashPolicies } from "../../../support/crash-policies.ts";
import { keysOf, Log, logFiles, readBack } from "./log-harness.ts";

interface Progress {
  readonly appended: string[];
  acknowledgedCount: number;
}

/** A scripted run: groups of several sizes, started and full segments, a large entry, a clean close. */
async function run(files: FileSystem, sync: SyncMode, progress: Progress): Promise<void> {
  const log = await Log.create(files, {
    overrides: { sync, preallocateBytes: 4096, segmentSizeBytes: 12_288, groupSizeBytes: 700 },
  });
  try {
    for (let i = 0; i < 18; i++) {
      const commits: Commit[] = [];
      for (let j = 0; j <= i % 4; j++) {
        const key = `key${i}-${j}`;
        const value = "v".repeat(i === 13 ? 9000 : (i * 37 + j * 101) % 400);
        await log.room(key, value);
        commits.push(log.put(key, value));
        progress.appended.push(key);
        if (i % 5 === 4 && j === 1) log.writer.startSegment();
      }
      log.endTurn();
      if (i % 3 > 0) {
        await commits.at(-1)!.durable;
        progress.acknowledgedCount = progress.appended.length;
      }
    }
  } finally {
    await log.close();
  }
  progress.acknowledgedCount = progress.appended.length;
}

const startOf = (): Progress => ({ appended: [], acknowledgedCount: 0 });

/** What is there is a prefix of what was appended, and holds all that was acknowledged. */
function checkDisk(disk: FileSystem, progress: Progress, acknowledgedCount: number, where: string): void {
  const keys = keysOf(readBack(disk));
  expect(progress.appended.slice(0, keys.length), where).toEqual(keys);
  expect(keys.length, where).toBeGreaterThanOrEqual(acknowledgedCount);
}

/** Another run over what a crash left finds its place, and the log is in order after it. */
async function checkNextRun(disk: MemoryFileSystem, where: string): Promise<void> {
  const keys = keysOf(readBack(disk));
  const log = await Log.create(disk, { firstNumber: 1000, nextSequence: keys.length + 1 });
  await log.commit("next");
  await log.close();
  expect(keysOf(readBack(disk)), where).toEqual([...keys, "next"]);
}

describe("crash at every operation", () => {
  test.each([
    ["always", true],
    ["interval", false],
    ["never", false],
  ] as const)("mode %s", async (sync, acknowledgedSurvive) => {
    const files = await logFiles();
    const progress = startOf();
    let crashCount = 0;
    const nextRuns: [MemoryFileSystem, string][] = [];
    files.onOperation = ({ index, kind, path }) => {
      for (const policy of crashPolicies(files, index, 2)) {
        const where = `${policy.name} before operation ${index} (${kind} ${path})`;
        const acknowledged = acknowledgedSurvive ? progress.acknowledgedCount : 0;
        checkDisk(files.crashClone(policy), progress, acknowledged, where);
        if (crashCount++ % 40 === 0) nextRuns.push([files.crashClone(policy), where]);
      }
      // The death of the process alone loses nothing acknowledged, in any mode.
      checkDisk(files.killClone(), progress, progress.acknowledgedCount, `kill before operation ${index}`);
    };
    await run(files, sync, progress);
    files.onOperation = undefined;
    checkDisk(files.crashClone(keepNone), progress, progress.appended.length, "after the close");
    expect(crashCount).toBeGreaterThan(300);
    for (const [disk, where] of nextRuns) await checkNextRun(disk, where);
  });
});

describe("every operation fails once", () => {
  test.each(["EIO", "ENOSPC"])("with %s", async (errno) => {
    for (let failed = 0; ; failed++) {
      const disk = await logFiles();
      const faults = new FaultFileSystem(disk, ({ index }) => (index === failed ? errno : undefined), {
        shortWrites: failed % 2 === 0,
      });
      const progress = startOf();
      let outcome = "closed";
      try {
        await run(faults, "always", progress);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        outcome = error.code;
      }
      const where = `operation ${failed} fails with ${errno}: ${outcome}`;
      expect(["closed", "COMMIT_LOG_FAILED", "DISK_FULL", "RESOURCE_EXHAUSTED"], where).toContain(outcome);
      expect(disk.openFileCount, where).toBe(0);
      checkDisk(disk.crashClone(keepNone), progress, progress.acknowledgedCount, where);
      if (faults.operationCount <= failed) break;
    }
  });
});
