import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { TableMetadata } from "../../../src/engine/manifest/version-edit.ts";
import { bytesOf, entries } from "../../support/arbitrary-versions.ts";
import { engineStatus } from "../../support/engine-status.ts";
import { testNode } from "../../support/test-node.ts";

const everything = { tenantId: "", startKey: "", endKey: "" };

describe("tenants", () => {
  async function nodeWith(tenantIds: readonly string[]) {
    const fixture = testNode();
    for (const tenantId of tenantIds) {
      for (const key of ["a", "b", "zz", "\u{10ffff}"]) {
        await fixture.node.write(tenantId, key, bytesOf("v"), entries({ c: 1 }));
      }
    }
    return fixture;
  }

  async function allOf(administration: ReturnType<typeof testNode>["administration"], pageSize: number) {
    const found: string[] = [];
    for (let after = ""; ; ) {
      const { tenants, hasMore } = await administration.listTenants(after, pageSize);
      expect(tenants.length).toBeLessThanOrEqual(pageSize);
      found.push(...tenants.map(({ tenantId }) => tenantId));
      if (!hasMore) return found;
      after = found.at(-1)!;
    }
  }

  const names = ["t", "t-1", "t;", "t0", "tt", "é", "\u{10ffff}", " "];

  test.each([1, 2, 3, names.length, 1000])("each once, in pages of %d", async (pageSize) => {
    const { administration, store } = await nodeWith(names);
    const inOrder = names.toSorted((a, b) => Buffer.compare(Buffer.from(`${a}:`), Buffer.from(`${b}:`)));
    expect(await allOf(administration, pageSize)).toEqual(inOrder);
    expect(store.openViewCount).toBe(0);
  });

  test("none in an empty store, and none of a deleted tenant", async () => {
    expect(await allOf(testNode().administration, 10)).toEqual([]);
    const { administration, node } = await nodeWith(["a", "b", "c"]);
    await node.deleteTenant("b");
    expect(await allOf(administration, 10)).toEqual(["a", "c"]);
  });

  test("with their sizes", async () => {
    const { administration } = await nodeWith(["a"]);
    expect(await administration.listTenants("", 1)).toEqual({
      tenants: [{ tenantId: "a", approximateTableBytes: 93.6, approximateMemtableBytes: 6.4 }],
      hasMore: false,
    });
    expect(administration.approximateTenantBytes("a")).toBe(100);
  });

  test("a view that ends is given back", async () => {
    const { administration, store } = await nodeWith(["a"]);
    store.viewError = new StorageError("ABORTED", "too old");
    await expect(administration.listTenants("", 1)).rejects.toThrow("too old");
    expect(store.openViewCount).toBe(0);
  });

  test("a token that names no tenant is refused", () => {
    expect(() => testNode().administration.listTenants("a:b", 1)).toThrow();
  });
});

describe("tables", () => {
  const table = (fileNumber: number) => ({ fileNumber, level: 0 }) as TableMetadata;
  const { administration, store } = testNode();
  const [level] = engineStatus.levels;
  store.currentStatus = {
    ...engineStatus,
    levels: [
      { ...level!, tables: [table(9), table(7)] },
      { ...level!, tables: [] },
      { ...level!, tables: [table(3), table(1), table(2)] },
    ],
  };
  const page = (request: { level?: number; pageSize?: number; pageToken?: string }) => {
    const { tables, nextPageToken } = administration.listTables({
      level: undefined,
      pageSize: 10,
      pageToken: "",
      ...request,
    });
    return [tables.map((each) => `${each.level}/${each.fileNumber}`).join(" "), nextPageToken];
  };

  test("by level and number, with the level where they lie now", () => {
    expect(page({})).toEqual(["0/7 0/9 2/1 2/2 2/3", ""]);
    expect(page({ level: 2 })).toEqual(["2/1 2/2 2/3", ""]);
    expect(page({ level: 1 })).toEqual(["", ""]);
  });

  test("page by page", () => {
    expect(page({ pageSize: 3 })).toEqual(["0/7 0/9 2/1", "2-1"]);
    expect(page({ pageSize: 3, pageToken: "2-1" })).toEqual(["2/2 2/3", ""]);
    expect(page({ pageSize: 2, pageToken: "2-1" })).toEqual(["2/2 2/3", ""]);
  });

  test.each(["x", "1", "1-", "-1-2", "1-2-3", "1-9999999999999999"])("the token %p is none", (pageToken) => {
    expect(() => page({ pageToken })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});

describe("compaction", () => {
  test.each([
    [everything, "compact - to -"],
    [{ ...everything, tenantId: "t" }, "compact t: to t;"],
    [{ tenantId: "t", startKey: "b", endKey: "d" }, "compact t:b to t:d"],
    [{ tenantId: "t", startKey: "b", endKey: "" }, "compact t:b to t;"],
  ])("of %p", (range, request) => {
    const { administration, store } = testNode();
    expect(administration.compact(range).approximateBytes()).toBe(93.6);
    expect(store.requests).toEqual([request]);
  });

  test.each([
    [{ tenantId: "", startKey: "a", endKey: "" }, "INVALID_ARGUMENT"],
    [{ tenantId: "", startKey: "", endKey: "a" }, "INVALID_ARGUMENT"],
    [{ tenantId: "t", startKey: "b", endKey: "a" }, "INVALID_ARGUMENT"],
    [{ tenantId: "t", startKey: "b", endKey: "b" }, "INVALID_ARGUMENT"],
    [{ tenantId: "a:b", startKey: "", endKey: "" }, "INVALID_TENANT_ID"],
  ])("of %p is refused", (range, code) => {
    const { administration, store } = testNode();
    expect(() => administration.compact(range)).toThrow(expect.objectContaining({ code }));
    expect(store.requests).toEqual([]);
  });
});

describe("checkpoints", () => {
  test("lie below their directory", async () => {
    const { administration, store } = testNode();
    expect(await administration.checkpoint("2026-11-24_a.b")).toMatchObject({
      directory: "/checkpoints/2026-11-24_a.b",
      sequence: 7,
    });
    expect(store.requests).toEqual(["checkpoint /checkpoints/2026-11-24_a.b"]);
  });

  test.each([
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc",
    "a\\b",
    ".hidden",
    "a\0b",
    "a b",
    "a\n",
    "ä",
    "x".repeat(129),
    "x.unfinished-checkpoint",
  ])("the name %p leads nowhere", async (name) => {
    const { administration, store } = testNode();
    await expect(administration.checkpoint(name)).rejects.toThrow("name is no name for a checkpoint");
    expect(store.requests).toEqual([]);
  });

  test("a place that is taken is told, since it is what was asked about", async () => {
    const { administration, store } = testNode();
    const refusal = new StorageError("INVALID_ARGUMENT", "/c/x is not empty", { file: "/c/x" });
    store.checkpointResult = () => Promise.reject(refusal);
    await expect(administration.checkpoint("x")).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "/c/x is not empty",
      file: undefined,
    });
    store.checkpointResult = () => Promise.reject(new StorageError("INTERNAL", "bad disk", { file: "/c/x" }));
    await expect(administration.checkpoint("x")).rejects.toMatchObject({ code: "INTERNAL", file: "/c/x" });
  });
});
