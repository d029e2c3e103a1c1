import { describe, expect, test } from "bun:test";
import { Holders } from "../../../../src/engine/commit-log/holders.ts";

/** Segments 1 to 9 of 100 bytes each. */
const segments = Array.from({ length: 9 }, (_, i) => ({ number: i + 1, sizeBytes: 100 }));

function holders(): Holders {
  const held = new Holders();
  held.hold("backup", 3);
  held.hold("stream", 5);
  held.hold("archive", 3);
  return held;
}

describe("positions", () => {
  test("keep their segment and all later ones from removal", () => {
    const held = holders();
    expect(held.removableBelow(8)).toBe(3);
    expect(held.removableBelow(2)).toBe(2);
    held.hold("backup", 6);
    held.hold("archive", 7);
    expect(held.removableBelow(8)).toBe(5);
    expect(new Holders().removableBelow(8)).toBe(8);
  });

  test("move forward only", () => {
    const held = holders();
    held.hold("stream", 5);
    expect(() => held.hold("stream", 4)).toThrow("holder stream is at segment 5 and cannot go back to 4");
    expect(held.positionOf("stream")).toBe(5);
  });

  test("are given back", () => {
    const held = holders();
    expect(held.release("backup")).toBe(true);
    expect(held.release("backup")).toBe(false);
    expect(held.positionOf("backup")).toBeUndefined();
    expect(held.removableBelow(8)).toBe(3);
  });

  test("are listed furthest behind first, and come back from the list", () => {
    const positions = holders().positions();
    expect(positions).toEqual([
      { name: "archive", segmentNumber: 3 },
      { name: "backup", segmentNumber: 3 },
      { name: "stream", segmentNumber: 5 },
    ]);
    expect(new Holders(positions).positions()).toEqual(positions);
  });
});

describe("the bound", () => {
  test("is met exactly: nobody is dropped", () => {
    const held = holders();
    expect(held.dropBeyond(500, 8, segments)).toEqual([]);
    expect(held.positions().length).toBe(3);
  });

  test("drops those furthest behind until it is met", () => {
    const held = holders();
    expect(held.dropBeyond(499, 8, segments)).toEqual([
      { name: "archive", segmentNumber: 3 },
      { name: "backup", segmentNumber: 3 },
    ]);
    expect(held.positions()).toEqual([{ name: "stream", segmentNumber: 5 }]);
    expect(held.removableBelow(8)).toBe(5);
  });

  test("counts only segments whose records are flushed", () => {
    const held = holders();
    expect(held.dropBeyond(0, 3, segments)).toEqual([]);
    expect(held.dropBeyond(0, 8, segments).length).toBe(3);
    expect(held.removableBelow(8)).toBe(8);
  });
});
