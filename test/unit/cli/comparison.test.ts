/** What a comparison asks of nodes, and what it makes of their failures; against nodes that are played. */
import { expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { NodeConnection } from "../../../src/cli/client.ts";
import { compareNodes } from "../../../src/cli/replicas/comparison.ts";
import { RangeChecksums } from "../../../src/migration/range-checksums.ts";

interface Request {
  readonly keyRanges?: readonly unknown[];
  readonly deletedBefore?: bigint;
  readonly afterKey?: string;
}

/** Holds these keys, a byte as the digest of each; the lists fail at the calls that `failures` has. */
function play(
  held: Record<string, number>,
  deletedBefore: bigint,
  failures: (ConnectError | undefined)[] = [],
) {
  const asked: Request[] = [];
  const keys = Object.keys(held).sort();
  const digestOf = (key: string) => new Uint8Array(16).fill(held[key]!);
  const service = {
    async getRangeChecksum(request: Request) {
      asked.push(request);
      if (request.keyRanges === undefined) return { deletedBefore };
      const checksums = new RangeChecksums(request.keyRanges.length);
      for (const key of keys) checksums.add(0, digestOf(key));
      return { checksums: checksums.pack(), bucketCount: 1 };
    },
    async *listRangeDigests(request: Request) {
      asked.push(request);
      const failure = failures.shift();
      const wanted = keys.filter((key) => key > (request.afterKey ?? ""));
      for (const key of failure === undefined ? wanted : wanted.slice(0, 2)) {
        yield { keys: [key], digests: digestOf(key) };
      }
      if (failure !== undefined) throw failure;
    },
  };
  return { asked, connection: { address: "played:1", service } as unknown as NodeConnection };
}

const scope = { tenantId: "", ranges: [] };
const hour = 3600n;

test("both are asked for the same: the ring in 64 parts, and a time behind the later of theirs", async () => {
  const here = play({ "t:a": 1 }, 1000n * hour);
  const there = play({ "t:a": 1 }, 1001n * hour);
  const comparison = await compareNodes(here.connection, there.connection, scope, 2000 * 3600 * 1000);
  expect(comparison).toMatchObject({ isEqual: true, recordsHere: 1, recordsThere: 1 });
  expect(await Array.fromAsync(comparison.differences())).toEqual([]);
  expect(here.asked).toHaveLength(2);
  expect(here.asked[1]).toEqual(there.asked[1]!);
  expect(here.asked[1]!.deletedBefore).toBe(1002n * hour);
  const { keyRanges } = here.asked[1]!;
  expect([keyRanges?.length, keyRanges?.at(-1)]).toEqual([64, { startHash: 63n << 58n, endHash: 0n }]);
});

test("the time is behind theirs by a tenth of what they keep, where that is less than an hour", async () => {
  const [here, there] = [play({}, 100_000n), play({}, 100_000n)];
  await compareNodes(here.connection, there.connection, scope, 100_100_000);
  expect(here.asked[1]!.deletedBefore).toBe(100_010n);
});

test("a list that breaks off goes on behind its last key", async () => {
  const away = new ConnectError("the node stops", Code.Unavailable);
  const held = { "t:a": 1, "t:b": 1, "t:c": 1, "t:d": 1, "t:e": 1 };
  const here = play(held, 1n);
  const there = play({ ...held, "t:c": 2, "t:e": 2 }, 1n, [away, away]);
  const comparison = await compareNodes(here.connection, there.connection, scope, 0);
  expect(await Array.fromAsync(comparison.differences())).toEqual([
    { key: "t:c", kind: "different" },
    { key: "t:e", kind: "different" },
  ]);
  expect(there.asked.slice(2).map(({ afterKey }) => afterKey)).toEqual(["", "t:b", "t:d"]);
});

test("a failure that will not pass ends it", async () => {
  const refused = new ConnectError("not allowed", Code.PermissionDenied);
  const there = play({ "t:a": 2 }, 1n, [refused]);
  const comparison = await compareNodes(play({}, 1n).connection, there.connection, scope, 0);
  await expect(Array.fromAsync(comparison.differences())).rejects.toThrow("not allowed");
});
