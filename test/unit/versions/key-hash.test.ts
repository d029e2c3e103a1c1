import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { Sha256 } from "../../../src/platform/sha256.ts";
import { KeyHasher, keyHash } from "../../../src/versions/key-hash.ts";

describe("the hash of a key", () => {
  test("is the first eight bytes of the SHA-256 of TENANT:KEY", () => {
    expect(keyHash("default", "greeting").toString(16)).toBe(hashOf("default:greeting"));
    expect(keyHash("a", "")).toBe(
      BigInt(`0x${createHash("sha256").update("a:").digest("hex").slice(0, 16)}`),
    );
  });

  test("is that of the text's UTF-8, as hashing its bytes is", () => {
    const hasher = new KeyHasher();
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(5), (key, offset) => {
        const bytes = Buffer.from(`t:${key}`);
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + offset + 3));
        shared.set(bytes, offset);
        hasher.hash(shared, offset, bytes.length);
        const hash = (BigInt(hasher.high) << 32n) | BigInt(hasher.low);
        expect(hash.toString(16)).toBe(hashOf(`t:${key}`));
        expect(keyHash("t", key)).toBe(hash);
      }),
    );
  });
});

describe("SHA-256 piece by piece", () => {
  const somePieces = fc.array(fc.oneof(fc.nat(40), fc.nat(3000), fc.constantFrom(16_383, 16_384, 50_000)), {
    maxLength: 8,
  });

  test("is that of the whole, however large", () => {
    const sha256 = new Sha256();
    fc.assert(
      fc.property(somePieces, (lengths) => {
        const wanted = createHash("sha256");
        sha256.begin();
        for (const length of lengths) {
          const piece = Buffer.alloc(length, length);
          sha256.add(piece, 0, length);
          sha256.addVarint(length % 128);
          wanted.update(piece).update(Buffer.of(length % 128));
        }
        sha256.finish();
        expect(Buffer.from(sha256.digest).toString("hex")).toBe(wanted.digest("hex"));
      }),
    );
  });
});

function hashOf(text: string): string {
  return BigInt(`0x${createHash("sha256").update(text).digest("hex").slice(0, 16)}`).toString(16);
}
