import { describe, expect, test } from "bun:test";
import { closest } from "../../../src/config/suggest.ts";
import { formatDuration, listOf, parseDuration, text, textList } from "../../../src/config/values.ts";

describe("durations", () => {
  test.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["5m", 300_000],
    ["168h", 604_800_000],
    ["1m30s", 90_000],
    ["1.5s", 1500],
    ["0s", 0],
  ])("%s is %d ms", (written, expected) => {
    expect(parseDuration(written)).toBe(expected);
  });

  test.each(["", "10", "s", "10 s", "-5s", "1d", "10sm", "5s!"])("%j is none", (written) => {
    expect(parseDuration(written)).toBeUndefined();
  });

  test("are written with their largest whole unit", () => {
    expect([500, 10_000, 90_000, 300_000, 604_800_000].map(formatDuration)).toEqual([
      "500ms",
      "10s",
      "90s",
      "5m",
      "168h",
    ]);
  });
});

describe("text", () => {
  test("counts bytes, and refuses control characters and nothing at all", () => {
    const kind = text("a name", 4);
    expect(kind.parse("éé")).toBe("éé");
    expect(kind.parse(12)).toBe("12");
    for (const value of ["", "ééé", "a\n", null, true, ["a"]]) {
      expect(kind.safeParse(value).success).toBe(false);
    }
  });

  test("lists split at commas", () => {
    const kind = textList("names");
    expect(kind.parse(["a", "b"])).toEqual(["a", "b"]);
    expect(kind.parse("a, b")).toEqual(["a", "b"]);
    for (const value of ["a,,b", ["a", ""], 3, null]) expect(kind.safeParse(value).success).toBe(false);
  });
});

describe("lists of words", () => {
  const kind = listOf({ none: "none", zstd: "zstd" }, 3);

  test("take the words alone, and not too many", () => {
    expect(kind.parse(["none", "zstd"])).toEqual(["none", "zstd"]);
    expect(kind.parse("none,none, zstd")).toEqual(["none", "none", "zstd"]);
    expect(kind.parse("zstd")).toEqual(["zstd"]);
    for (const value of ["", [], "lz4", "none,lz4", ["toString"], "none,none,none,none", 3, null]) {
      expect(kind.safeParse(value).success).toBe(false);
    }
  });
});

describe("suggestions", () => {
  test("only what is near is suggested", () => {
    const keys = ["port", "host", "max_connections"];
    expect(closest("prot", keys)).toBe("port");
    expect(closest("max_conections", keys)).toBe("max_connections");
    expect(closest("colour", keys)).toBeUndefined();
  });
});
