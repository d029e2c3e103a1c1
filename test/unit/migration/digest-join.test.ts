import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareUtf8 } from "../../../src/base/utf8.ts";
import { type Difference, joinDigests } from "../../../src/migration/digest-join.ts";
import type { DigestChunk } from "../../../src/migration/list-digests.ts";

/** What a side holds: a key, and a number for its digest. */
type Side = ReadonlyMap<string, number>;

const someSide: fc.Arbitrary<Side> = fc
  .array(
    fc.tuple(
      fc.constantFrom(..."abcdefgh", "\u{ffff}", "😀").map((key) => `t:${key}`),
      fc.nat(1),
    ),
  )
  .map((pairs) => new Map(pairs));

interface Listed {
  readonly chunks: AsyncGenerator<DigestChunk, void, void>;
  isClosed: boolean;
}

/** A list in chunks of so many keys, as a node gives it. */
function list(side: Side, chunkKeys: number): Listed {
  const keys = [...side.keys()].sort(compareUtf8);
  const listed: Listed = { chunks: chunks(), isClosed: false };
  return listed;

  async function* chunks(): AsyncGenerator<DigestChunk, void, void> {
    try {
      for (let i = 0; i < keys.length; i += chunkKeys) {
        const part = keys.slice(i, i + chunkKeys);
        const digests = Buffer.concat(part.map((key) => Buffer.alloc(16, side.get(key))));
        yield { keys: part, digests };
      }
    } finally {
      listed.isClosed = true;
    }
  }
}

function expected(here: Side, there: Side): Difference[] {
  const keys = [...new Set([...here.keys(), ...there.keys()])].sort(compareUtf8);
  return keys.flatMap((key): Difference[] => {
    if (!here.has(key)) return [{ key, kind: "missing_here" }];
    if (!there.has(key)) return [{ key, kind: "missing_there" }];
    return here.get(key) === there.get(key) ? [] : [{ key, kind: "different" }];
  });
}

test("what differs is found, whatever the chunks", async () => {
  await fc.assert(
    fc.asyncProperty(someSide, someSide, fc.integer({ min: 1, max: 5 }), async (here, there, chunkKeys) => {
      const differences = joinDigests(list(here, chunkKeys).chunks, list(there, 3).chunks);
      expect(await Array.fromAsync(differences)).toEqual(expected(here, there));
    }),
  );
});

test("both lists are closed when nobody wants more, and when one of them fails", async () => {
  const many: Side = new Map(Array.from("abcdef", (key) => [key, 0]));
  const [here, there] = [list(many, 2), list(new Map(), 2)];
  for await (const { kind } of joinDigests(here.chunks, there.chunks)) {
    expect(kind).toBe("missing_there");
    break;
  }
  expect(here.isClosed).toBe(true);

  const failing = (async function* (): AsyncGenerator<DigestChunk> {
    yield { keys: ["a"], digests: new Uint8Array(16) };
    throw new Error("gone");
  })();
  const other = list(many, 2);
  await expect(Array.fromAsync(joinDigests(failing, other.chunks))).rejects.toThrow("gone");
  expect(other.isClosed).toBe(true);
});

test("a list out of order is refused, for it would make up differences", async () => {
  const wrong = (async function* (): AsyncGenerator<DigestChunk> {
    yield { keys: ["b", "a"], digests: new Uint8Array(32) };
  })();
  await expect(Array.fromAsync(joinDigests(wrong, list(new Map(), 1).chunks))).rejects.toThrow(
    "in the order",
  );
});
