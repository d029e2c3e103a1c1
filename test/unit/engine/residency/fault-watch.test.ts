import { expect, test } from "bun:test";
import { FaultWatch, type ResidencyChecks } from "../../../../src/engine/residency/fault-watch.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";

function setUp(checks: ResidencyChecks) {
  const files = new MemoryFileSystem();
  files.majorFaults = 3;
  return { files, watch: new FaultWatch(files, checks) };
}

/** As many reads as it takes to look at the count once, at least. */
function readMany(watch: FaultWatch, count = 64): void {
  for (let index = 0; index < count; index++) if (watch.isAlert) watch.foundResident();
}

test("reads look at the start, and rest once many in a row have found all in memory", () => {
  const { watch } = setUp("adaptive");
  readMany(watch, 4000);
  expect(watch.isAlert).toBe(true);
  readMany(watch, 200);
  expect(watch.isAlert).toBe(false);
});

test("a read that found something cold begins the row again", () => {
  const { watch } = setUp("adaptive");
  readMany(watch, 4000);
  watch.foundCold();
  readMany(watch, 4000);
  expect(watch.isAlert).toBe(true);
});

test("a fault ends the rest, and is the one that is told", () => {
  const { files, watch } = setUp("adaptive");
  expect(watch.faultCount).toBe(3);
  readMany(watch, 5000);
  expect(watch.isAlert).toBe(false);
  files.majorFaults = 4;
  readMany(watch);
  expect(watch.isAlert).toBe(true);
  expect(watch.faultCount).toBe(4);
});

test("`always` never rests, `never` never looks", () => {
  const always = setUp("always").watch;
  readMany(always, 10_000);
  expect(always.isAlert).toBe(true);
  const { files, watch: never } = setUp("never");
  expect(never.isAlert).toBe(false);
  files.majorFaults = 9;
  readMany(never);
  expect(never.isAlert).toBe(false);
  expect(never.faultCount).toBe(9);
});
