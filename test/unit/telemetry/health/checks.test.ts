/** Each check with what provokes it, and with what just does not. */
import { describe, expect, test } from "bun:test";
import type { EngineStatus } from "../../../../src/engine/status.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import {
  type HealthSettings,
  nodeChecks,
  type OtherMembers,
} from "../../../../src/telemetry/health/checks.ts";
import type { Finding } from "../../../../src/telemetry/health/health-checker.ts";
import { engineStatus } from "../../../support/engine-status.ts";
import { healthSettings } from "../../../support/health-settings.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

/** A node whose every source is in the test's hand, and its checks by name. */
class Subject {
  readonly clock = new ManualClock();
  readonly files = new FaultFileSystem(new MemoryFileSystem());
  memory = { limitBytes: 1000, usedBytes: 900, stalledShare: 0.25 };
  openFileCount = 80;
  lagMs = 1000;
  status: EngineStatus = engineStatus;
  corruptionCount = 0;
  others: OtherMembers | undefined;
  readonly #checks;

  constructor(settings: Partial<HealthSettings> = {}) {
    for (const directory of ["/data", "/log"]) this.files.makeDirectory(directory);
    const { clock, files } = this;
    const sources = {
      clock,
      files,
      directories: ["/data", "/log"],
      memoryStatus: () => this.memory,
      processStatus: () => ({
        memoryBytes: 0,
        mappedResidentBytes: 0,
        threadCount: 1,
        openFileCount: this.openFileCount,
        openFileLimit: 100,
      }),
      longestLagMs: () => this.lagMs,
      engineStatus: () => this.status,
      corruptionCount: () => this.corruptionCount,
      otherMembers: () => this.others,
    };
    this.#checks = new Map(
      nodeChecks(sources, { ...healthSettings, ...settings }).map((check) => [check.name, check]),
    );
  }

  async look(name: string): Promise<Finding> {
    return await this.#checks.get(name)!.look();
  }

  /** The next look of a check with an interval between. */
  async lookLater(name: string): Promise<Finding> {
    this.clock.advance(this.#checks.get(name)!.intervalMs);
    return await this.look(name);
  }
}

const degraded = (reason: string) => ({ status: "degraded", reason: expect.stringContaining(reason) });

const provocations: [string, (subject: Subject) => void, string][] = [
  ["memory", (subject) => void (subject.memory.usedBytes = 901), "90.1 % of 1000 bytes are in use"],
  ["memory", (subject) => void (subject.memory.stalledShare = 0.3), "waits for it 30 % of the time"],
  ["file_descriptors", (subject) => void (subject.openFileCount = 81), "81 of 100 are open"],
  ["event_loop", (subject) => void (subject.lagMs = 1001), "1001 ms late"],
  ["corruption", (subject) => void (subject.corruptionCount = 2), "found 2 times"],
  [
    "compaction",
    (subject) => void (subject.status = { ...engineStatus, compactionDebtBytes: 1e9 + 1 }),
    "compactions are behind: 1000000001 bytes",
  ],
  [
    "compaction",
    (subject) => void (subject.status = { ...engineStatus, compactionFailure: "bad block" }),
    "compactions fail: bad block",
  ],
  [
    "compaction",
    (subject) => {
      const levels = [{ ...engineStatus.levels[0]!, tableCount: 16 }];
      subject.status = { ...engineStatus, levels, isCompactionPaused: true };
    },
    "compaction is paused: level 0 has 16 tables",
  ],
];

describe("checks", () => {
  test.each(provocations)("%s, case %#", async (name, provoke, reason) => {
    const subject = new Subject();
    expect(await subject.look(name)).toBeUndefined();
    provoke(subject);
    expect(await subject.look(name)).toEqual(degraded(reason) as never);
  });

  test("a node without a limit of open files, or of memory, has no shortage of them", async () => {
    const subject = new Subject();
    subject.memory = undefined as never;
    expect(await subject.look("memory")).toBeUndefined();
  });

  test("slow syncs are those since the last look", async () => {
    const subject = new Subject();
    const synced = (count: number, sumMs: number) => {
      const syncDurations = { ...engineStatus.work.syncDurations, count, sumMs };
      subject.status = { ...engineStatus, work: { ...engineStatus.work, syncDurations } };
    };
    synced(1000, 1000);
    expect(await subject.lookLater("commit_log_sync")).toBeUndefined();
    synced(1002, 3001 + 1000);
    expect(await subject.look("commit_log_sync")).toEqual(degraded("takes 1501 ms") as never);
    expect(await subject.look("commit_log_sync")).toBeUndefined();
  });

  test("entries that no sync reaches are found, and a log at rest is not", async () => {
    const subject = new Subject();
    subject.status = { ...engineStatus, lastSequence: 20, durableSequence: 11 };
    expect(await subject.lookLater("commit_log_sync")).toBeUndefined();
    expect(await subject.lookLater("commit_log_sync")).toEqual(degraded("have waited 5000 ms") as never);
    subject.status = { ...engineStatus, lastSequence: 30, durableSequence: 21 };
    expect(await subject.lookLater("commit_log_sync")).toBeUndefined();
    subject.status = { ...engineStatus, lastSequence: 21, durableSequence: 21 };
    for (let count = 0; count < 3; count++)
      expect(await subject.lookLater("commit_log_sync")).toBeUndefined();
  });
});

describe("directories of the store", () => {
  test("are written to and left as they were, whatever a killed node left there", async () => {
    const subject = new Subject();
    subject.files.open("/log/health-probe", "create").close();
    expect(await subject.look("data_directory")).toBeUndefined();
    expect([...subject.files.list("/data"), ...subject.files.list("/log")]).toEqual([]);
  });

  test.each(["EROFS", "EACCES", "EIO", "ENOSPC"])("%s in one of them is unhealthy", async (code) => {
    const subject = new Subject();
    subject.files.injector = ({ kind, path }) =>
      kind === "create" && path.startsWith("/log") ? code : undefined;
    expect(await subject.look("data_directory")).toEqual({
      status: "unhealthy",
      reason: expect.stringContaining("no file can be written in /log"),
    } as never);
  });

  test("a sync that fails is unhealthy, and want of file descriptors is no fault of the directory", async () => {
    const subject = new Subject();
    subject.files.injector = ({ kind }) => (kind === "sync" ? "EIO" : undefined);
    expect(await subject.look("data_directory")).toMatchObject({ status: "unhealthy" });
    subject.files.injector = () => "EMFILE";
    expect(await subject.look("data_directory")).toMatchObject({ status: "degraded" });
  });
});

describe("isolation", () => {
  const alone = { aliveCount: 0, lostCount: 0, hasSilentSeeds: false };

  test("a node that lost all others is isolated after a while, until one is back", async () => {
    const subject = new Subject();
    subject.others = { ...alone, aliveCount: 2 };
    expect(await subject.look("gossip")).toBeUndefined();
    subject.others = { ...alone, lostCount: 2 };
    for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 5000)
      expect(await subject.lookLater("gossip")).toBeUndefined();
    // By now the ring has forgotten those that are gone.
    subject.others = alone;
    expect(await subject.lookLater("gossip")).toEqual(degraded("alone in its ring") as never);
    subject.others = { ...alone, aliveCount: 1, lostCount: 1 };
    expect(await subject.look("gossip")).toBeUndefined();
  });

  test.each([
    ["without gossip", undefined, false],
    ["the first of a ring", alone, false],
    ["one whose seeds do not answer", { ...alone, hasSilentSeeds: true }, true],
  ])("%s", async (_name, others, isIsolated) => {
    const subject = new Subject();
    subject.others = others;
    await subject.look("gossip");
    subject.clock.advance(60_000);
    expect((await subject.look("gossip")) !== undefined).toBe(isIsolated);
  });
});
