import { expect, test } from "bun:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Slice } from "../../../src/base/bytes.ts";
import { KeyRangeRequestSchema, KeyRangeResponseSchema } from "../../../src/gen/storage/storage_node_pb.ts";
import type { ScanRequest, ScanVisitor } from "../../../src/node/scan.ts";
import { ShownRecord } from "../../../src/node/shown-record.ts";
import type { StorageNode } from "../../../src/node/storage-node.ts";
import type { Call } from "../../../src/rpc/call.ts";
import { rangeEndpoints } from "../../../src/rpc/range-endpoints.ts";

function keyRange(node: StorageNode, maxKeys: number, maxResponseBytes = 65_536) {
  const endpoints = rangeEndpoints({ node: () => node, maxResponseBytes });
  const endpoint = endpoints.find(({ method }) => method.name === "GetKeyRange");
  if (endpoint?.kind !== "unary") throw new Error("GetKeyRange is not unary");
  const request = create(KeyRangeRequestSchema, { tenantId: "t", maxKeys });
  // Its check of tenants asks the call who makes it.
  const call = { identity: { tenants: undefined }, chargesTenants: false } as unknown as Call;
  return endpoint.run(request, call) as Promise<MessageInitShape<typeof KeyRangeResponseSchema>>;
}

test.each([
  [0, 1000],
  [1, 1],
  [10_000, 10_000],
  [2 ** 31 - 1, 10_000],
])("max_keys %i is a page of at most %i keys", async (maxKeys, limit) => {
  const requests: ScanRequest[] = [];
  const node = {
    scan: async function* (request: ScanRequest) {
      requests.push(request);
      yield { resumeKey: new TextEncoder().encode("next") };
    },
  } as unknown as StorageNode;
  expect(await keyRange(node, maxKeys)).toEqual({ keys: [], hasMore: true, nextKey: "next" });
  expect(requests).toEqual([{ tenantId: "t", startKey: "", endKey: "", limit, keysOnly: true }]);
});

test("a page ends before its answer is larger than answers may be", async () => {
  const keys = Array.from({ length: 300 }, (_, index) => `${index}`.padStart(1024, "k"));
  const chunkKeys = 100;
  const node = {
    scan: async function* (_: ScanRequest, visit: ScanVisitor) {
      for (let start = 0; start < keys.length; start += chunkKeys) {
        for (const key of keys.slice(start, start + chunkKeys))
          visit(new Slice(new TextEncoder().encode(key)), new ShownRecord());
        const next = keys[start + chunkKeys];
        yield { resumeKey: next === undefined ? undefined : new TextEncoder().encode(next) };
      }
    },
  } as unknown as StorageNode;
  for (const maxResponseBytes of [65_536, 104_000, 250_000]) {
    const page = await keyRange(node, 10_000, maxResponseBytes);
    const sizeBytes = toBinary(KeyRangeResponseSchema, create(KeyRangeResponseSchema, page)).length;
    expect(sizeBytes).toBeLessThanOrEqual(maxResponseBytes);
    expect(sizeBytes).toBeGreaterThan(maxResponseBytes - 1027);
    expect(page).toMatchObject({ hasMore: true, nextKey: keys[page.keys!.length] });
  }
  expect(await keyRange(node, 10_000, 1 << 20)).toEqual({ keys, hasMore: false, nextKey: "" });
});
