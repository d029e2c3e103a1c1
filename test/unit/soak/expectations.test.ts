import { beforeEach, describe, expect, test } from "bun:test";
import { Expectations } from "../../soak/expectations.ts";

let keys: Expectations;
beforeEach(() => {
  keys = new Expectations("k", 3);
});

const textOf = (version: number) => keys.textOf(1, version);

describe("what a node may hold", () => {
  test("nothing at first", () => {
    expect(keys.confirm(1, undefined)).toBeUndefined();
    expect(keys.confirm(1, "x")).toContain("k000001: expected nothing, found x");
  });

  test("an acknowledged write, and nothing older", () => {
    const first = keys.beginWrite(1);
    keys.acknowledge(1);
    expect(keys.confirm(1, textOf(first))).toBeUndefined();
    const second = keys.beginWrite(1);
    keys.acknowledge(1);
    expect(keys.confirm(1, textOf(first))).toContain("expected k000001#2#");
    expect(keys.confirm(1, undefined)).toContain("found nothing");
    expect(keys.confirm(1, textOf(second))).toBeUndefined();
  });

  test("a write without an answer, or what was there before; once seen, only that", () => {
    const first = keys.beginWrite(1);
    keys.acknowledge(1);
    keys.beginDelete(1);
    expect(keys.isUnsure(1)).toBe(true);
    expect(keys.confirm(1, "else")).toContain(" or nothing, found else");
    expect(keys.confirm(1, textOf(first))).toBeUndefined();
    expect(keys.isUnsure(1)).toBe(false);
    expect(keys.confirm(1, undefined)).toContain("found nothing");
  });

  test("a deleted key is absent", () => {
    keys.beginWrite(1);
    keys.acknowledge(1);
    keys.beginDelete(1);
    keys.acknowledge(1);
    expect(keys.confirm(1, undefined)).toBeUndefined();
    expect(keys.confirm(1, textOf(1))).toContain("expected nothing");
  });

  test("names what was written since a read confirmed it", () => {
    keys.beginWrite(1);
    keys.acknowledge(1);
    keys.beginDelete(2);
    expect(keys.unconfirmed).toEqual([1, 2]);
    keys.confirm(1, textOf(1));
    expect(keys.unconfirmed).toEqual([2]);
  });
});
