import { expect, test } from "bun:test";
import fc from "fast-check";
import type { StorageNode } from "../../../src/node/storage-node.ts";
import { bytesOf, smallClock, textOf } from "../../support/arbitrary-versions.ts";
import { testNode } from "../../support/test-node.ts";

/** Below the limits, whatever order and repetition: the promise that replicas rest on. */

const keys = ["k1", "k2"];

const operation = fc.record({
  kind: fc.constantFrom("write", "write", "delete", "repair"),
  key: fc.constantFrom(...keys),
  clock: smallClock(["a", "b", "c"], 2).filter((clock) => clock.length > 0),
  value: fc.constantFrom("", "x", "y", "yx"),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

async function apply(node: StorageNode, { kind, key, clock, value }: Operation): Promise<void> {
  if (kind === "delete") await node.delete("t", key, clock);
  else if (kind === "repair") await node.repair("t", key, bytesOf(value), clock);
  else await node.write("t", key, bytesOf(value), clock);
}

/** Everything that a replica holds, timestamps aside. */
async function contents(node: StorageNode) {
  const held = [];
  for (const key of keys) {
    const { found, value, clock, siblingCount, siblings } = await node.read("t", key, true);
    const versions = siblings.map((sibling) => [sibling.isTombstone, textOf(sibling.value), sibling.clock]);
    held.push({ key, found, value: textOf(value), clock, siblingCount, versions });
  }
  return held;
}

/** The operations in another order, some of them again. */
const twoDeliveries = fc.array(operation, { minLength: 1, maxLength: 20 }).chain((operations) =>
  fc.record({
    first: fc.constant(operations),
    second: fc
      .tuple(
        fc.array(fc.constantFrom(...operations), { maxLength: 10 }),
        fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
      )
      .map(([again, order]) =>
        [...operations, ...again]
          .map((each, i) => ({ each, rank: order[i % order.length]! }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ each }) => each),
      ),
  }),
);

test("two nodes hold the same after the same writes, deletes and repairs in any order and repetition", async () => {
  await fc.assert(
    fc.asyncProperty(twoDeliveries, fc.boolean(), async ({ first, second }, atOnce) => {
      const [one, other] = [testNode(), testNode()];
      for (const each of first) await apply(one.node, each);
      // The other gets them at another time, and maybe all at once.
      other.clock.advance(3_600_000);
      if (atOnce) await Promise.all(second.map((each) => apply(other.node, each)));
      else for (const each of second) await apply(other.node, each);
      expect(await contents(other.node)).toEqual(await contents(one.node));
    }),
    { numRuns: 300 },
  );
});
