import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes, Slice } from "../../../src/base/bytes.ts";
import { EngineKeyBuffer, encodeEngineKey, engineKeyRange, splitEngineKey } from "../../../src/node/keys.ts";
import { bytesOf, textOf } from "../../support/arbitrary-versions.ts";

const key = fc.string({ unit: fc.constantFrom("a", "b", ":", ";", "é", "\u{ffff}", "😀"), maxLength: 4 });
const tenant = fc.string({ unit: fc.constantFrom("t", "u", ";", "9", "€"), minLength: 1, maxLength: 3 });

describe("engine keys", () => {
  test("are tenant, colon and key in UTF-8", () => {
    const buffer = new EngineKeyBuffer();
    buffer.set("tenant", "kéy:1");
    expect(textOf(buffer.bytes.slice(0, buffer.length))).toBe("tenant:kéy:1");
    buffer.set("t", "k");
    expect(textOf(buffer.bytes.slice(0, buffer.length))).toBe("t:k");
  });

  test("the buffer has room for the largest", () => {
    const buffer = new EngineKeyBuffer();
    buffer.set("t".repeat(256), "k".repeat(1024));
    expect(buffer.length).toBe(1281);
    buffer.set("😀".repeat(64), "😀".repeat(256));
    expect(buffer.bytes.toHex()).toBe(encodeEngineKey("😀".repeat(64), "😀".repeat(256)).toHex());
  });

  test("come apart as they were put together", () => {
    fc.assert(
      fc.property(tenant, key, (tenantId, text) => {
        const bytes = bytesOf(`--${tenantId}:${text}--`);
        const slice = new Slice(bytes, 2, bytes.length - 4);
        expect(splitEngineKey(slice)).toEqual({ tenantId, key: text });
      }),
    );
  });

  test.each([
    ["no colon", bytesOf("tenant")],
    ["nothing", new Uint8Array(0)],
    ["no UTF-8", new Uint8Array([0x74, 0x3a, 0xff])],
  ])("%s is corruption", (_, bytes) => {
    expect(() => splitEngineKey(new Slice(bytes))).toThrow(
      expect.objectContaining({ code: "CORRUPTED_DATA" }),
    );
  });
});

describe("ranges", () => {
  /** By definition: the keys that a request asks for. */
  function isWanted(text: string, startKey: string, endKey: string, prefix: string): boolean {
    const bytes = bytesOf(text);
    return (
      compareBytes(bytes, bytesOf(startKey)) >= 0 &&
      (endKey === "" || compareBytes(bytes, bytesOf(endKey)) < 0) &&
      text.startsWith(prefix)
    );
  }

  test("hold exactly the keys that are asked for, of one tenant", () => {
    fc.assert(
      fc.property(tenant, tenant, key, key, key, key, (asked, owner, text, startKey, endKey, prefix) => {
        const range = engineKeyRange(asked, startKey, endKey, prefix);
        const bytes = encodeEngineKey(owner, text);
        const isInside = compareBytes(bytes, range.start) >= 0 && compareBytes(bytes, range.end) < 0;
        expect(isInside).toBe(asked === owner && isWanted(text, startKey, endKey, prefix));
        if (range.isEmpty) expect(isInside).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });

  test("without bounds are the whole tenant", () => {
    const range = engineKeyRange("t", "", "", "");
    expect([textOf(range.start), textOf(range.end), range.isEmpty]).toEqual(["t:", "t;", false]);
  });

  test.each([
    ["start at the end", "b", "b", ""],
    ["start after the end", "c", "b", ""],
    ["a prefix before the start", "b", "", "a"],
    ["a prefix after the end", "", "b", "b"],
  ])("%s: empty", (_, startKey, endKey, prefix) => {
    expect(engineKeyRange("t", startKey, endKey, prefix).isEmpty).toBe(true);
  });
});
