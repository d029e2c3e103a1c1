import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes } from "../../../src/base/bytes.ts";
import { KeyPrefixes } from "../../../src/engine/key-prefixes.ts";

function prefixesOf(keys: readonly Uint8Array[]): KeyPrefixes {
  return new KeyPrefixes(keys.length, (index, key) => key.set(keys[index]!, 0, keys[index]!.length));
}

const key = fc
  .array(fc.constantFrom(0, 1, 127, 128, 255), { maxLength: 7 })
  .map((bytes) => Uint8Array.from(bytes));
const sortedKeys = fc
  .tuple(key, fc.uniqueArray(key, { maxLength: 30, selector: (each) => each.toHex() }))
  .map(([shared, keys]) => keys.map((each) => Uint8Array.from([...shared, ...each])).sort(compareBytes));

test("keys below the bounds are smaller, keys above are greater", () => {
  fc.assert(
    fc.property(sortedKeys, fc.array(key), (keys, others) => {
      const prefixes = prefixesOf(keys);
      for (const sought of [...keys, ...others]) {
        prefixes.narrow(sought, sought.length);
        const smallerCount = keys.filter((each) => compareBytes(each, sought) < 0).length;
        const notGreaterCount = keys.filter((each) => compareBytes(each, sought) <= 0).length;
        expect(prefixes.low).toBeLessThanOrEqual(smallerCount);
        expect(prefixes.high).toBeGreaterThanOrEqual(notGreaterCount);
        for (const between of keys.slice(prefixes.low, prefixes.high)) {
          expect(between.subarray(0, prefixes.sharedLength)).toEqual(
            sought.subarray(0, prefixes.sharedLength),
          );
        }
      }
    }),
  );
});

test("keys that differ within four bytes after what all share are told apart", () => {
  const keys = ["tenant:a", "tenant:b", "tenant:bzzz", "tenant:c"].map((text) =>
    new TextEncoder().encode(text),
  );
  const prefixes = prefixesOf(keys);
  keys.forEach((sought, index) => {
    prefixes.narrow(sought, sought.length);
    expect([prefixes.low, prefixes.high]).toEqual([index, index + 1]);
  });
});
