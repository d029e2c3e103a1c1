import { expect, test } from "bun:test";
import { MessageArrays } from "../../../src/rpc/message-arrays.ts";

const mib = 1024 * 1024;

test("an array that came back serves the next message of about its size, and no other", () => {
  const arrays = new MessageArrays();
  const first = arrays.take(mib);
  expect(first.length).toBeGreaterThanOrEqual(mib);
  expect(arrays.take(mib)).not.toBe(first);
  arrays.giveBack(first);
  expect(arrays.take(4 * mib)).not.toBe(first);
  expect(arrays.take(100_000)).not.toBe(first);
  expect(arrays.take(mib - 10_000)).toBe(first);
  expect(arrays.take(mib - 10_000)).not.toBe(first);
});

test("no more than 16 MiB are kept: the oldest go first", () => {
  const arrays = new MessageArrays();
  const taken = Array.from({ length: 20 }, () => arrays.take(mib));
  for (const array of taken) arrays.giveBack(array);
  const again = Array.from({ length: 20 }, () => arrays.take(mib));
  expect(again.filter((array) => taken.includes(array))).toEqual(taken.slice(4).reverse());
  const huge = arrays.take(17 * mib);
  arrays.giveBack(huge);
  expect(arrays.take(17 * mib)).not.toBe(huge);
});
