import { expect, test } from "bun:test";
import { WorkWindow } from "../../../src/migration/work-window.ts";

test("takes as much at a time as it may, and more when some of it has ended", async () => {
  const window = new WorkWindow(2);
  const works = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const begun: number[] = [];
  const add = (index: number) =>
    window.add(() => {
      begun.push(index);
      return works[index]!.promise;
    });
  await add(0);
  await add(1);
  const third = add(2);
  await Bun.sleep(0);
  expect(begun).toEqual([0, 1]);
  works[1]!.resolve();
  await third;
  expect(begun).toEqual([0, 1, 2]);
  works[0]!.resolve();
  works[2]!.resolve();
  await window.settle();
});

test("the first failure stops what is under way and takes nothing more", async () => {
  const window = new WorkWindow(3);
  const failing = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  const untilStopped = (signal: AbortSignal) =>
    new Promise<void>((_, reject) => {
      signal.addEventListener("abort", () => {
        seen.push(signal.reason);
        reject(signal.reason);
      });
    });
  await window.add(untilStopped);
  await window.add(() => failing.promise);
  const error = new Error("first");
  failing.reject(error);
  expect(await window.settle().catch((reason: unknown) => reason)).toBe(error);
  expect(seen).toEqual([error]);
  let hasBegun = false;
  const later = window.add(async () => {
    hasBegun = true;
  });
  expect(await later.catch((reason: unknown) => reason)).toBe(error);
  expect(hasBegun).toBe(false);
});

test("cancel waits for what is under way", async () => {
  const window = new WorkWindow(1);
  let hasEnded = false;
  await window.add(async (signal) => {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    await Bun.sleep(0);
    hasEnded = true;
  });
  await window.cancel(new Error("enough"));
  expect(hasEnded).toBe(true);
});
