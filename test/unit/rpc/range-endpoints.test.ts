import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { KeyRangeRequestSchema } from "../../../src/gen/storage/storage_node_pb.ts";
import type { ScanRequest } from "../../../src/node/scan.ts";
import type { StorageNode } from "../../../src/node/storage-node.ts";
import type { Call } from "../../../src/rpc/call.ts";
import { rangeEndpoints } from "../../../src/rpc/range-endpoints.ts";

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
  const endpoint = rangeEndpoints({ node: () => node }).find(({ method }) => method.name === "GetKeyRange");
  if (endpoint?.kind !== "unary") throw new Error("GetKeyRange is not unary");
  const request = create(KeyRangeRequestSchema, { tenantId: "t", maxKeys });
  // Its check of tenants asks the call who makes it.
  const call = { identity: { tenants: undefined }, chargesTenants: false } as unknown as Call;
  expect(await endpoint.run(request, call)).toEqual({ keys: [], hasMore: true, nextKey: "next" });
  expect(requests).toEqual([{ tenantId: "t", startKey: "", endKey: "", limit, keysOnly: true }]);
});
