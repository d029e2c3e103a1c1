import { expect, test } from "bun:test";
import { DroppedRanges } from "../../../../src/engine/cache/dropped-ranges.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function covers(dropped: DroppedRanges, generation: number, key: string): boolean {
  return dropped.covers(generation, bytes(key), key.length);
}

test("kills what was stored before, between its bounds", () => {
  const dropped = new DroppedRanges();
  dropped.drop(bytes("b"), bytes("d"));
  expect(dropped.generation).toBe(1);
  for (const [key, dead] of [
    ["a", false],
    ["b", true],
    ["cc", true],
    ["d", false],
  ] as const) {
    expect(covers(dropped, 0, key)).toBe(dead);
    expect(covers(dropped, 1, key)).toBe(false);
  }
});

test("open bounds reach to the ends", () => {
  const dropped = new DroppedRanges();
  dropped.drop(undefined, bytes("b"));
  dropped.drop(bytes("y"), undefined);
  expect(["a", "m", "z"].map((key) => covers(dropped, 0, key))).toEqual([true, false, true]);
  expect(["a", "m", "z"].map((key) => covers(dropped, 1, key))).toEqual([false, false, true]);
});

test("keeps a copy of its bounds", () => {
  const dropped = new DroppedRanges();
  const start = bytes("b");
  dropped.drop(start, undefined);
  start[0] = 0x7a;
  expect(covers(dropped, 0, "c")).toBe(true);
});

test("what is older than the ranges that are kept counts as dead", () => {
  const dropped = new DroppedRanges();
  for (let n = 0; n < 70; n++) dropped.drop(bytes("x"), bytes("y"));
  expect(covers(dropped, 5, "a")).toBe(true);
  expect(covers(dropped, 6, "a")).toBe(false);
  expect(covers(dropped, 69, "x")).toBe(true);
});
