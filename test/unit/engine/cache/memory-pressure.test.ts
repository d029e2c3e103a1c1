import { describe, expect, test } from "bun:test";
import { Slice } from "../../../../src/base/bytes.ts";
import { EntryCache } from "../../../../src/engine/cache/cache.ts";
import { MemoryPressure } from "../../../../src/engine/cache/memory-pressure.ts";
import { Engine } from "../../../../src/engine/engine.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import { silentObserver } from "../../../../src/engine/observer.ts";
import { BlockCache } from "../../../../src/engine/sstable/block-cache.ts";
import { InlineRunner } from "../../../../src/engine/workers/inline.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import type { MemoryStatus } from "../../../../src/platform/memory-status.ts";
import { tinyOptions } from "../../../support/engine-settings.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { memoryEnvironment } from "../../../support/memory-environment.ts";

const mebibyte = 1 << 20;
const configuredBytes = 8 * mebibyte;
const limitBytes = 100 * mebibyte;
const lookMs = 5000;

/** A cache, and a machine whose memory others and the cache share. */
class Machine {
  readonly clock = new ManualClock();
  readonly cache: EntryCache;
  readonly pressure: MemoryPressure;
  readonly budgets: number[] = [];
  othersBytes = 0;
  stalledShare: number | undefined;
  isSilent = false;

  constructor(
    cacheBytes = configuredBytes,
    readonly blocks = new BlockCache(0, 256),
  ) {
    this.cache = new EntryCache(cacheBytes);
    const observer = {
      ...silentObserver,
      cacheBudgetChanged: (cache: string, bytes: number) => {
        if (cache === "entries") this.budgets.push(bytes);
      },
    };
    const surroundings = { clock: this.clock, observer, memoryStatus: () => this.status() };
    this.pressure = new MemoryPressure(surroundings, { entries: this.cache, blocks: this.blocks });
  }

  status(): MemoryStatus | undefined {
    if (this.isSilent) return undefined;
    const usedBytes = this.othersBytes + this.cache.status.sizeBytes;
    return { limitBytes, usedBytes, stalledShare: this.stalledShare };
  }

  fill(entryCount = 1500): void {
    const value = new Slice(new Uint8Array(7000));
    for (let i = 0; i < entryCount; i++) {
      const key = Buffer.from(`key-${i}`);
      this.cache.put(key, key.length, 1, entryKinds.value, value);
    }
  }

  /** Others use this share of the limit, beside the cache, for so many looks. */
  pass(othersShare: number, looks: number): void {
    this.othersBytes = othersShare * limitBytes;
    this.clock.advance(looks * lookMs);
  }

  get budgetBytes(): number {
    return this.cache.status.budgetBytes;
  }
}

describe("memory pressure", () => {
  test("changes nothing while there is room, nor between the marks", () => {
    const machine = new Machine();
    machine.fill();
    machine.pass(0.1, 20);
    machine.pass(0.75, 20);
    expect([machine.budgets, machine.budgetBytes]).toEqual([[], configuredBytes]);
  });

  test("above the high mark gives memory back in steps, down to a part of it", () => {
    const machine = new Machine();
    machine.fill();
    const fullBytes = machine.cache.status.sizeBytes;
    machine.pass(0.95, 1);
    expect(machine.budgets).toEqual([fullBytes - configuredBytes / 8]);
    machine.pass(0.95, 20);
    expect(machine.budgetBytes).toBe(configuredBytes / 8);
    expect(machine.cache.status.sizeBytes).toBeLessThanOrEqual(configuredBytes / 8);
    expect(machine.cache.status.entryCount).toBeGreaterThan(0);
    const changes = machine.budgets.length;
    machine.pass(0.95, 20);
    expect(machine.budgets).toHaveLength(changes);
  });

  test("stops when what it gave back suffices", () => {
    const machine = new Machine();
    machine.fill();
    machine.pass(0.84, 20);
    const { usedBytes } = machine.status()!;
    expect(usedBytes / limitBytes).toBeLessThan(0.9);
    expect(usedBytes / limitBytes).toBeGreaterThan(0.88);
    expect(machine.budgets.length).toBeLessThanOrEqual(2);
  });

  test("takes nothing that it could not give back", () => {
    const machine = new Machine();
    machine.pass(0.95, 1);
    expect(machine.budgetBytes).toBe(configuredBytes / 8);
    machine.fill();
    expect(machine.cache.status.sizeBytes).toBeLessThanOrEqual(configuredBytes / 8);
  });

  test("below the low mark takes it again, after a while, in smaller steps, up to what is configured", () => {
    const machine = new Machine();
    machine.fill();
    machine.pass(0.95, 20);
    machine.budgets.length = 0;
    machine.pass(0.2, 5);
    expect(machine.budgets).toEqual([]);
    machine.pass(0.2, 1);
    expect(machine.budgets).toEqual([(3 * configuredBytes) / 16]);
    machine.pass(0.2, 30);
    expect(machine.budgetBytes).toBe(configuredBytes);
    expect(machine.budgets).toHaveLength(14);
  });

  test("grows no further than the low mark allows once all is filled", () => {
    const machine = new Machine();
    machine.fill();
    machine.pass(0.95, 20);
    machine.pass(0.72, 100);
    const grownBytes = machine.budgetBytes;
    expect(grownBytes).toBeGreaterThan(configuredBytes / 8);
    expect(grownBytes).toBeLessThanOrEqual(0.03 * limitBytes);
    machine.fill();
    machine.budgets.length = 0;
    machine.pass(0.72, 100);
    expect(machine.budgets).toEqual([]);
  });

  test.each([0.5, 0.74, 0.8, 0.86, 0.89, 0.92])("comes to rest where others keep using %d", (othersShare) => {
    const machine = new Machine();
    machine.fill();
    const step = () => {
      machine.pass(othersShare, 1);
      machine.fill();
    };
    machine.pass(0.95, 20);
    for (let look = 0; look < 30; look++) step();
    machine.budgets.length = 0;
    for (let look = 0; look < 20; look++) step();
    expect(machine.budgets).toEqual([]);
  });

  test("waiting for memory counts as pressure, and keeps it from growing", () => {
    const machine = new Machine();
    machine.fill();
    machine.stalledShare = 0.3;
    machine.pass(0.2, 2);
    expect(machine.budgets).toHaveLength(2);
    machine.stalledShare = 0.1;
    machine.pass(0.2, 20);
    expect(machine.budgets).toHaveLength(2);
    machine.stalledShare = 0.01;
    machine.pass(0.2, 20);
    expect(machine.budgetBytes).toBe(configuredBytes);
  });

  test("gives no more than a slice back at once", () => {
    const machine = new Machine(32 * mebibyte);
    machine.fill(6000);
    machine.othersBytes = 0.95 * limitBytes;
    let sizeBytes = machine.cache.status.sizeBytes;
    const sizes = new Set<number>();
    for (let elapsedMs = 0; elapsedMs < 12 * lookMs; elapsedMs += 5) {
      machine.clock.advance(5);
      // Beside the slice, what the cache remembers of keys halves now and then.
      expect(sizeBytes - machine.cache.status.sizeBytes).toBeLessThan(2 * mebibyte);
      sizeBytes = machine.cache.status.sizeBytes;
      sizes.add(sizeBytes);
    }
    expect(machine.budgetBytes).toBe(4 * mebibyte);
    expect(sizes.size).toBeGreaterThan(20);
  });

  test("goes for the cache of blocks as well", () => {
    const machine = new Machine(0, new BlockCache(configuredBytes, 256));
    machine.pass(0.95, 1);
    expect(machine.blocks.status.budgetBytes).toBe(configuredBytes / 8);
    machine.pass(0.2, 40);
    expect(machine.blocks.status.budgetBytes).toBe(configuredBytes);
  });

  test("lets both grow only as far as there is room for both", () => {
    const machine = new Machine(configuredBytes, new BlockCache(configuredBytes, 256));
    machine.pass(0.95, 20);
    machine.pass(0.75 - (5 * mebibyte) / limitBytes, 100);
    const sumBytes = machine.budgetBytes + machine.blocks.status.budgetBytes;
    expect(sumBytes).toBeGreaterThan(4 * mebibyte);
    expect(sumBytes).toBeLessThanOrEqual(5 * mebibyte);
  });

  test("ends where the system tells nothing, and when it is told to", () => {
    const silent = new Machine();
    silent.isSilent = true;
    silent.clock.advance(lookMs);
    expect(silent.clock.pendingTimerCount).toBe(0);
    const stopped = new Machine();
    stopped.fill();
    stopped.pass(0.95, 1);
    stopped.pressure.stop();
    expect(stopped.clock.pendingTimerCount).toBe(0);
  });
});

test("the engine's cache follows, and an engine that is closed looks no more", async () => {
  const environment = {
    ...memoryEnvironment(new MemoryFileSystem()),
    memoryStatus: () => ({ limitBytes, usedBytes: limitBytes, stalledShare: undefined }),
  };
  const options = tinyOptions({ cache: { maxSizeBytes: mebibyte } });
  const engine = await Engine.open(
    environment,
    options,
    new InlineRunner(environment.files, environment.clock),
  );
  environment.clock.advance(lookMs);
  expect(engine.status().cache.budgetBytes).toBe(mebibyte / 8);
  await engine.close();
  let looks = 0;
  environment.memoryStatus = () => {
    looks++;
    return { limitBytes, usedBytes: 0, stalledShare: undefined };
  };
  environment.clock.advance(10 * lookMs);
  expect(looks).toBe(0);
});
