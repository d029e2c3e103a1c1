/** What a call costs the node, roughly: classes are bounded and shed one by one. */
import type { DescMethod } from "@bufbuild/protobuf";
import { StorageNodeService } from "../../gen/storage/storage_node_pb.ts";

/**
 * - `read`: a key, or a batch of them
 * - `write`: whatever takes room in the commit log
 * - `scan`: what walks a range
 * - `control`: health, status, administration: never shed, so that an operator gets through
 */
export type WorkClass = "read" | "write" | "scan" | "control";

const storage = StorageNodeService.method;

const classes: ReadonlyMap<DescMethod, WorkClass> = new Map<DescMethod, WorkClass>([
  [storage.read, "read"],
  [storage.batchRead, "read"],
  [storage.write, "write"],
  [storage.delete, "write"],
  [storage.batchWrite, "write"],
  [storage.repair, "write"],
  [storage.scan, "scan"],
  [storage.streamKeys, "scan"],
  [storage.getKeyRange, "scan"],
  [storage.getRangeChecksum, "scan"],
  [storage.listRangeDigests, "scan"],
  [storage.replicateData, "scan"],
]);

export function workClassOf(method: DescMethod): WorkClass {
  return classes.get(method) ?? "control";
}
