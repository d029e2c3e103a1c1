import { describe, expect, test } from "bun:test";
import { ConcatenatingCursor, type CursorSource } from "../../../../src/engine/iterator/concatenating.ts";
import { ArrayCursor, drain } from "../../../support/array-cursor.ts";

function source(keys: readonly string[]): CursorSource {
  return {
    largestKey: Buffer.from(keys.at(-1)!),
    cursor: () => new ArrayCursor(keys.map((key) => ({ key, sequence: 1 }))),
  };
}

const level = [source(["b", "d"]), source(["f"]), source(["h", "i"])];
const all = ["b@1", "d@1", "f@1", "h@1", "i@1"];

describe("concatenating cursor", () => {
  test("goes through all tables in order", () => {
    const cursor = new ConcatenatingCursor(level);
    cursor.rewind();
    expect(drain(cursor)).toEqual(all);
  });

  const seeks: [string, number][] = [
    ["a", 0],
    ["b", 0],
    ["c", 1],
    ["d", 1],
    ["e", 2],
    ["f", 2],
    ["g", 3],
    ["i", 4],
    ["j", 5],
  ];
  for (const [key, skipped] of seeks) {
    test(`seek ${key} passes over ${skipped} keys`, () => {
      const cursor = new ConcatenatingCursor(level);
      cursor.seek(Buffer.from(key));
      expect(drain(cursor)).toEqual(all.slice(skipped));
    });
  }

  test("opens no more tables than it reads", () => {
    const opened: string[] = [];
    const watched = level.map((inner, index) => ({
      largestKey: inner.largestKey,
      cursor() {
        opened.push(`table ${index}`);
        return inner.cursor();
      },
    }));
    const cursor = new ConcatenatingCursor(watched);
    cursor.seek(Buffer.from("f"));
    expect(opened).toEqual(["table 1"]);
    cursor.next();
    expect(opened).toEqual(["table 1", "table 2"]);
  });

  test("an empty level has nothing", () => {
    const cursor = new ConcatenatingCursor([]);
    cursor.rewind();
    expect(cursor.valid).toBe(false);
  });
});
