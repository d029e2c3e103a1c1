import { describe, expect, test } from "bun:test";
import {
  checkClock,
  checkClockGrowth,
  checkKey,
  checkKeyBound,
  checkLimit,
  checkNodeId,
  checkRepairClock,
  checkTenantId,
  checkValueLength,
} from "../../../src/node/validation.ts";
import type { ClockEntry } from "../../../src/versions/vector-clock.ts";
import { clock, entries, sliceOf } from "../../support/arbitrary-versions.ts";

/** The code of the refusal with its message, or "accepted". */
function verdict(check: () => unknown): { code: string; message: string } | "accepted" {
  try {
    check();
    return "accepted";
  } catch (error) {
    return error as { code: string; message: string };
  }
}

function numberedEntries(count: number): ClockEntry[] {
  return Array.from({ length: count }, (_, i) => ({ nodeId: `node-${i}`, timestamp: 1n }));
}

const euro = "€"; // three bytes, one code unit
const emoji = "😀"; // four bytes, two code units

describe("tenant id", () => {
  test.each([
    ["one byte", "t"],
    ["256 bytes", "t".repeat(256)],
    ["256 bytes of long characters", emoji.repeat(64)],
    ["any printable character", " é/;\u{a0}~"],
  ])("%s is accepted", (_, tenantId) => {
    expect(verdict(() => checkTenantId(tenantId))).toBe("accepted");
  });

  test.each([
    ["an empty one", "", "empty"],
    ["257 bytes", "t".repeat(257), "257 bytes; 1 to 256"],
    ["258 bytes in few characters", euro.repeat(86), "258 bytes; 1 to 256"],
    ["a colon", "a:b", '":"'],
    ["NUL", "a\0", "U+0000"],
    ["a tab", "a\tb", "U+0009"],
    ["a newline", "a\n", "U+000A"],
    ["DEL", "a\x7f", "U+007F"],
    ["a control character above ASCII", "a\x9f", "U+009F"],
    ["half a surrogate pair", "a\ud83d", "UTF-8"],
  ])("%s is refused", (_, tenantId, part) => {
    expect(verdict(() => checkTenantId(tenantId))).toMatchObject({
      code: "INVALID_TENANT_ID",
      message: expect.stringContaining(part),
    });
  });
});

describe("key", () => {
  test.each([
    ["one byte", "k"],
    ["1,024 bytes", "k".repeat(1024)],
    ["1,024 bytes of long characters", emoji.repeat(256)],
    ["tab and newline", "a\tb\nc"],
    ["colons", "a:b:c"],
    ["the neighbours of control characters", " ~\u{a0}"],
  ])("%s is accepted", (_, key) => {
    expect(verdict(() => checkKey(key))).toBe("accepted");
    expect(verdict(() => checkKeyBound(key))).toBe("accepted");
  });

  test.each([
    ["an empty one", "", "INVALID_KEY", "empty"],
    ["1,025 bytes", "k".repeat(1025), "KEY_TOO_LARGE", "1025 bytes; 1 to 1024"],
    ["1,026 bytes in few characters", euro.repeat(342), "KEY_TOO_LARGE", "1026 bytes"],
    ["NUL", "a\0b", "INVALID_KEY", "U+0000"],
    ["the last before tab", "\x08", "INVALID_KEY", "U+0008"],
    ["the first after newline", "\x0b", "INVALID_KEY", "U+000B"],
    ["the last below space", "\x1f", "INVALID_KEY", "U+001F"],
    ["DEL", "\x7f", "INVALID_KEY", "U+007F"],
    ["the first above DEL", "\x80", "INVALID_KEY", "U+0080"],
    ["half a surrogate pair", "\ude00", "INVALID_KEY", "UTF-8"],
  ])("%s is refused", (_, key, code, part) => {
    const refusal = { code, message: expect.stringContaining(part) };
    expect(verdict(() => checkKey(key))).toMatchObject(refusal);
    if (key !== "") expect(verdict(() => checkKeyBound(key))).toMatchObject(refusal);
  });

  test("a bound may be empty", () => {
    expect(verdict(() => checkKeyBound(""))).toBe("accepted");
  });
});

test("a value has up to 10,485,760 bytes", () => {
  expect(verdict(() => checkValueLength(0))).toBe("accepted");
  expect(verdict(() => checkValueLength(10_485_760))).toBe("accepted");
  expect(verdict(() => checkValueLength(10_485_761))).toMatchObject({
    code: "VALUE_TOO_LARGE",
    message: expect.stringMatching(/10485761 .* 10485760/),
  });
});

describe("clock", () => {
  test.each([
    ["an empty one", []],
    ["timestamps at their bounds", entries({ a: 0, b: 2n ** 63n - 1n })],
    ["an id of 128 bytes", entries({ ["i".repeat(128)]: 1 })],
    ["an id of 128 bytes in few characters", entries({ [emoji.repeat(32)]: 1 })],
  ])("%s is accepted", (_, sent) => {
    expect(verdict(() => checkClock(sent))).toBe("accepted");
  });

  test.each([
    ["a negative timestamp", entries({ a: 1, b: -1 }), "clock entry 2 is -1"],
    ["a timestamp past the bound", entries({ a: 2n ** 63n }), "9223372036854775808"],
    ["an empty id", entries({ "": 1 }), "empty"],
    ["an id of 129 bytes", entries({ ["i".repeat(129)]: 1 }), "129 bytes; 1 to 128"],
    ["an id of 129 bytes in few characters", entries({ [euro.repeat(43)]: 1 }), "129 bytes"],
    ["half a surrogate pair", entries({ "\ud83d": 1 }), "UTF-8"],
    ["an id twice", [...entries({ a: 1, b: 1 }), ...entries({ a: 1 })], 'clock entry 3 has the node id "a"'],
    ["an id twice, once with 0", [...entries({ a: 0 }), ...entries({ a: 1 })], "clock entry 2"],
  ])("%s is refused", (_, sent, part) => {
    expect(verdict(() => checkClock(sent))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(part),
    });
  });

  test("comes out in canonical form", () => {
    expect(checkClock(entries({ b: 2, zero: 0, a: 1 }))).toEqual(clock({ a: 1, b: 2 }));
  });

  test("has at most 1,000 entries that the key does not know", () => {
    expect(verdict(() => checkClockGrowth(numberedEntries(1000), undefined))).toBe("accepted");
    expect(verdict(() => checkClockGrowth(numberedEntries(1001), undefined))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/1001 entries, 1001 of them new .* 1000/),
    });
  });

  test("entries that the key knows, from any sibling, are free", () => {
    const sibling = (timestamps: Record<string, number>) => ({
      clock: clock(timestamps),
      isTombstone: false,
      timestampSeconds: 0,
      value: sliceOf("v"),
    });
    const held = [sibling({ "node-0": 5 }), sibling({ "node-1": 5 })];
    expect(verdict(() => checkClockGrowth(numberedEntries(1002), held))).toBe("accepted");
    expect(verdict(() => checkClockGrowth(numberedEntries(1003), held))).toMatchObject({
      message: expect.stringContaining("1003 entries, 1001 of them new"),
    });
  });

  test("of a repair is not empty", () => {
    expect(verdict(() => checkRepairClock(clock({ a: 1 })))).toBe("accepted");
    expect(verdict(() => checkRepairClock(clock({ a: 0 })))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

test("this node's id follows the rules of ids in clocks", () => {
  expect(verdict(() => checkNodeId("n".repeat(128)))).toBe("accepted");
  expect(verdict(() => checkNodeId("n".repeat(129)))).toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(verdict(() => checkNodeId(""))).toMatchObject({ code: "INVALID_ARGUMENT" });
});

test.each([
  [0, "accepted"],
  [1, "accepted"],
  [Number.MAX_SAFE_INTEGER, "accepted"],
  [-1, "refused"],
  [0.5, "refused"],
  [Number.NaN, "refused"],
])("a limit of %p is %s", (limit, expected) => {
  const outcome = verdict(() => checkLimit(limit));
  expect(outcome === "accepted" ? outcome : outcome.code).toBe(
    expected === "accepted" ? expected : "INVALID_ARGUMENT",
  );
});
