import { expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { NodeConnection } from "../../../src/cli/client.ts";
import { KeyCopier } from "../../../src/cli/replicas/copying.ts";

interface Call {
  readonly keys?: readonly string[];
  readonly entries?: readonly { readonly key: string }[];
}

const nodeWith = (service: Record<string, (call: Call) => Promise<unknown>>) =>
  ({ address: "node:1", service }) as unknown as NodeConnection;

test("what one node refuses is not asked of the other one again", async () => {
  const reads: unknown[] = [];
  const stored: string[] = [];
  const from = nodeWith({
    async batchRead({ keys = [] }) {
      reads.push(keys);
      return { results: keys.map((key) => ({ siblings: [{ key, value: new Uint8Array(1) }] })) };
    },
  });
  const to = nodeWith({
    async batchWrite({ entries = [] }) {
      if (entries.some(({ key }) => key === "c")) throw new ConnectError("no c", Code.InvalidArgument);
      stored.push(...entries.map(({ key }) => key));
    },
  });
  const copier = new KeyCopier(from, to);
  for (const key of ["a", "b", "c", "d"]) await copier.copy("t", key);
  await expect(copier.finish()).rejects.toThrow("no c");
  expect(reads).toEqual([["a", "b", "c", "d"]]);
  expect(stored).toEqual(["a", "b"]);
});
