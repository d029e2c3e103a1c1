/** ReplicateData of `storage.StorageNodeService`. */
import { StorageNodeService } from "../gen/storage/storage_node_pb.ts";
import type { ReplicationResult, Replicator } from "../migration/replicate.ts";
import { type Endpoint, unary } from "./endpoint.ts";

export interface ReplicationOptions {
  readonly replicator: Replicator;
}

export function replicationEndpoint({ replicator }: ReplicationOptions): Endpoint {
  return unary(StorageNodeService.method.replicateData, async (request, call) => {
    const { tenantId, keys, keyRangeStart, keyRangeEnd, targetNodeId } = request;
    const selection = { tenantId, keys, startKey: keyRangeStart, endKey: keyRangeEnd };
    const result = await replicator.replicate(selection, targetNodeId, call.signal);
    return {
      success: true,
      keysReplicated: BigInt(result.keysReplicated),
      errorMessage: whatWasLeft(result),
      deletedKeysNotSent: BigInt(result.deletedKeysLeftCount),
      deletedKeys: [...result.deletedKeysLeft],
      siblingsNotSent: BigInt(result.siblingsLeftCount),
    };
  });
}

/** The answer has more of them in a field of its own. */
const maxKeysInMessage = 10;

function whatWasLeft({
  deletedKeysLeftCount,
  deletedKeysLeft,
  siblingsLeftCount,
}: ReplicationResult): string {
  const left: string[] = [];
  if (deletedKeysLeftCount > 0) {
    const named = deletedKeysLeft.slice(0, maxKeysInMessage).map((key) => JSON.stringify(key));
    if (deletedKeysLeftCount > named.length) named.push("…");
    left.push(`${deletedKeysLeftCount} deleted keys (${named.join(", ")})`);
  }
  if (siblingsLeftCount > 0) left.push(`${siblingsLeftCount} siblings`);
  return left.length === 0
    ? ""
    : `the target knows no BatchWrite, so it was not told of ${left.join(" and ")}`;
}
