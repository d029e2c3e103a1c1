import { describe, expect, test } from "bun:test";
import { DiskGuard, type DiskState } from "../../../src/node/disk-guard.ts";
import type { FileSystemUsage } from "../../../src/platform/file-system.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const kib64 = 64 * 1024;

function guardAt(maxDiskUsage: number, usage: () => FileSystemUsage) {
  const clock = new ManualClock();
  const changes: [DiskState, number][] = [];
  const guard = new DiskGuard({
    maxDiskUsage,
    probe: usage,
    clock,
    onStateChange: (state, usedShare) => changes.push([state, usedShare]),
  });
  return { guard, clock, changes };
}

/** A disk of 10,000 bytes of which `used` are taken. */
function used(bytes: number): FileSystemUsage {
  return { totalBytes: 10_000, availableBytes: 10_000 - bytes };
}

describe("thresholds", () => {
  test.each<[number, number, DiskState]>([
    [0.9, 0, "ok"],
    [0.9, 7_999, "ok"],
    [0.9, 8_000, "warning"],
    [0.9, 8_999, "warning"],
    [0.9, 9_000, "throttled"],
    [0.9, 9_499, "throttled"],
    [0.9, 9_500, "full"],
    [0.9, 10_000, "full"],
    [0.8, 6_999, "ok"],
    [0.8, 7_000, "warning"],
    [0.8, 8_000, "throttled"],
    [0.8, 8_999, "throttled"],
    [0.8, 9_000, "full"],
    [1, 9_999, "warning"],
    [1, 10_000, "full"],
    [0.05, 0, "warning"],
  ])("with %p, %p of 10,000 bytes used is %s", (maxDiskUsage, usedBytes, state) => {
    expect(guardAt(maxDiskUsage, () => used(usedBytes)).guard.state()).toBe(state);
  });

  test("a file system that tells no size does not stop the node", () => {
    const { guard } = guardAt(0.9, () => ({ totalBytes: 0, availableBytes: 0 }));
    expect(guard.state()).toBe("ok");
  });
});

describe("check", () => {
  test.each([
    [8_999, kib64 + 1, "accepted"],
    [9_000, kib64, "accepted"],
    [9_000, kib64 + 1, "DISK_THROTTLED"],
    [9_499, kib64, "accepted"],
    [9_499, kib64 + 1, "DISK_THROTTLED"],
    [9_500, 0, "DISK_FULL"],
    [9_500, kib64 + 1, "DISK_FULL"],
  ])("at %p of 10,000 bytes, a value of %p bytes: %s", (usedBytes, valueBytes, expected) => {
    const { guard } = guardAt(0.9, () => used(usedBytes));
    const check = () => guard.check(valueBytes);
    if (expected === "accepted") return expect(check).not.toThrow();
    expect(check).toThrow(expect.objectContaining({ code: expected, details: { reason: "DISK_FULL" } }));
  });

  test("says how full it is, and from where on writes are refused", () => {
    const { guard } = guardAt(0.9, () => used(9_612));
    expect(() => guard.check(1)).toThrow("96.1 % full; from 95 % on all writes are refused");
  });
});

describe("the last look", () => {
  test("is good for half a second, then the guard recovers by itself", () => {
    let usedBytes = 9_600;
    const { guard, clock, changes } = guardAt(0.9, () => used(usedBytes));
    expect(guard.state()).toBe("full");
    usedBytes = 5_000;
    clock.advance(499);
    expect(guard.state()).toBe("full");
    clock.advance(1);
    expect(guard.state()).toBe("ok");
    expect(guard.usedShare()).toBe(0.5);
    expect(changes).toEqual([
      ["full", 0.96],
      ["ok", 0.5],
    ]);
  });

  test("that fails is told, and tried again", () => {
    let isBroken = true;
    const { guard } = guardAt(0.9, () => {
      if (isBroken) throw new Error("EIO");
      return used(0);
    });
    expect(() => guard.check(1)).toThrow(expect.objectContaining({ code: "INTERNAL" }));
    isBroken = false;
    expect(() => guard.check(1)).not.toThrow();
  });
});
