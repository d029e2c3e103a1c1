import { describe, expect, test } from "bun:test";
import { RangeCursor } from "../../../../src/engine/iterator/range.ts";
import { ArrayCursor, drain } from "../../../support/array-cursor.ts";

const entries = ["b", "d", "f"].map((key) => ({ key, sequence: 1 }));
const bytes = (key: string | undefined) => (key === undefined ? undefined : Buffer.from(key));
const usable = (): void => {};

describe("range cursor", () => {
  const ranges: [string | undefined, string | undefined, string[]][] = [
    [undefined, undefined, ["b@1", "d@1", "f@1"]],
    ["b", "f", ["b@1", "d@1"]],
    ["c", "e", ["d@1"]],
    ["d", "d", []],
    [undefined, "b", []],
    ["g", undefined, []],
    ["f", "d", []],
  ];
  for (const [start, end, seen] of ranges) {
    test(`from ${start ?? "the first"} to ${end ?? "the last"} holds ${seen.length} keys`, () => {
      const cursor = new RangeCursor(new ArrayCursor(entries), bytes(start), bytes(end), usable);
      cursor.rewind();
      expect(drain(cursor)).toEqual(seen);
    });
  }

  test("a seek before the range goes to its start, one behind it to its end", () => {
    const cursor = new RangeCursor(new ArrayCursor(entries), bytes("c"), bytes("f"), usable);
    cursor.seek(Buffer.from("a"));
    expect(drain(cursor)).toEqual(["d@1"]);
    cursor.seek(Buffer.from("f"));
    expect(cursor.valid).toBe(false);
  });

  test("asks before every move whether it may go on", () => {
    let refusing = false;
    const cursor = new RangeCursor(new ArrayCursor(entries), undefined, undefined, () => {
      if (refusing) throw new Error("ended");
    });
    cursor.rewind();
    refusing = true;
    expect(() => cursor.next()).toThrow("ended");
    expect(() => cursor.rewind()).toThrow("ended");
    expect(() => cursor.seek(Buffer.from("b"))).toThrow("ended");
  });
});
