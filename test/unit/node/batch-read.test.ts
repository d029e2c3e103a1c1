import { expect, test } from "bun:test";
import type { StorageNode } from "../../../src/node/storage-node.ts";
import { decodeClock } from "../../../src/versions/clock-encoding.ts";
import { bytesOf, clock, entries, textOf } from "../../support/arbitrary-versions.ts";
import { gcGraceMs, testNode } from "../../support/test-node.ts";

async function readAll(node: StorageNode, keys: readonly string[], tenantId = "t") {
  const seen: unknown[] = [];
  await node.readBatch(tenantId, keys, (index, record) => {
    const { isFound, siblingCount, timestampSeconds, versions, clock } = record;
    expect(index).toBe(seen.length);
    seen.push({
      found: isFound,
      value: textOf(record.value),
      clock: decodeClock(clock.bytes, clock.start, clock.length),
      timestampSeconds,
      siblingCount,
      versionCount: versions?.length,
    });
  });
  return seen;
}

test("shows what reads of the keys do, in their order, each as often as it was asked for", async () => {
  const { node, clock: time } = testNode();
  await node.delete("t", "expired", entries({ c: 1 }));
  time.advance(gcGraceMs + 1001);
  await node.write("t", "live", bytesOf("v"), entries({ c: 1 }));
  await node.write("t", "several", bytesOf("x"), entries({ a: 1 }));
  await node.write("t", "several", bytesOf("y"), entries({ b: 2 }));
  await node.delete("t", "deleted", entries({ c: 3 }));
  const keys = ["several", "live", "absent", "deleted", "expired", "live"];
  const seen = await readAll(node, keys);
  for (const [index, key] of keys.entries()) {
    const { value, siblings: _, ...result } = await node.read("t", key);
    expect(seen[index]).toMatchObject({ ...result, value: textOf(value) });
  }
  expect(seen[0]).toMatchObject({ value: "y", clock: clock({ a: 1, b: 2 }), versionCount: 2 });
  expect(await readAll(node, keys, "u")).toEqual(Array(6).fill(seen[2]));
});

test("answers at once where all of it is durable, else when it is", async () => {
  const { node, store } = testNode();
  await node.write("t", "a", bytesOf("v"), []);
  expect(node.readBatch("t", ["a", "b"], () => {})).toBeUndefined();
  store.syncsAtOnce = false;
  const write = node.write("t", "b", bytesOf("v"), []);
  const seen: string[] = [];
  const read = node.readBatch("t", ["b", "a"], (_, record) => seen.push(textOf(record.value)));
  expect(seen).toEqual(["v", "v"]);
  expect(await Promise.race([read, "still waiting"])).toBe("still waiting");
  store.sync();
  await read;
  await write;
});

test("waits for the disk before it reads", async () => {
  const { node, store } = testNode();
  await node.write("t", "a", bytesOf("v"), []);
  store.cold = Promise.withResolvers();
  let isSeen = false;
  const read = node.readBatch("t", ["a"], () => {
    isSeen = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isSeen).toBe(false);
  store.cold.resolve();
  await read;
  expect(isSeen).toBe(true);
});

test("refuses bad keys with their place, and says which record is damaged", async () => {
  const { node, store } = testNode();
  const read = (keys: readonly string[], tenantId = "t") => node.readBatch(tenantId, keys, () => {});
  expect(() => read(["a", ""])).toThrow(
    expect.objectContaining({ code: "INVALID_KEY", details: { index: "1" } }),
  );
  expect(() => read([], "")).toThrow(expect.objectContaining({ code: "INVALID_TENANT_ID" }));
  expect(read([])).toBeUndefined();
  await node.write("t", "b", bytesOf("v"), []);
  store.entryOf("t:b")!.value[0] = 9;
  expect(() => read(["a", "b"])).toThrow(
    expect.objectContaining({
      code: "CORRUPTED_DATA",
      details: { index: "1" },
      message: expect.stringContaining('key "b" of tenant "t"'),
    }),
  );
});
