/**
 * The methods of `storage.StorageNodeService` by which two replicas find what differs between them: checksums of hash
 * ranges, and the digests of single records where those differ.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { StorageError } from "../base/errors.ts";
import {
  type GetRangeChecksumRequest,
  type GetRangeChecksumResponseSchema,
  type ListRangeDigestsRequest,
  type ListRangeDigestsResponseSchema,
  StorageNodeService,
  type StreamKeyRange,
} from "../gen/storage/storage_node_pb.ts";
import { checksumRanges } from "../migration/checksum-ranges.ts";
import { HashBuckets } from "../migration/hash-buckets.ts";
import { HashRanges } from "../migration/hash-ranges.ts";
import { listDigests } from "../migration/list-digests.ts";
import type { WalkRequest } from "../node/record-walk.ts";
import type { StorageNode } from "../node/storage-node.ts";
import type { Call } from "./call.ts";
import { type Endpoint, serverStream, unary } from "./endpoint.ts";

export interface ChecksumOptions {
  readonly node: () => StorageNode;
}

export function checksumEndpoints({ node }: ChecksumOptions): Endpoint[] {
  const { method } = StorageNodeService;
  return [
    unary(method.getRangeChecksum, (request, call) => rangeChecksum(node(), request, call)),
    serverStream(method.listRangeDigests, (request, call) => rangeDigests(node(), request, call)),
  ];
}

async function rangeChecksum(
  node: StorageNode,
  request: GetRangeChecksumRequest,
  call: Call,
): Promise<MessageInitShape<typeof GetRangeChecksumResponseSchema>> {
  const { keyRanges, bucketCount } = request;
  const walk = walkRequest(node, request, call);
  const deletedBefore = BigInt(walk.deletedBeforeSeconds);
  // Asks for nothing but the time.
  if (keyRanges.length === 0) return { deletedBefore };
  const buckets = new HashBuckets(hashRanges(keyRanges), bucketCount);
  const { checksums, sequence } = await checksumRanges(node, buckets, walk);
  return {
    checksums: checksums.pack(),
    bucketCount: buckets.perRange,
    sequenceNumber: BigInt(sequence),
    deletedBefore,
  };
}

async function* rangeDigests(
  node: StorageNode,
  request: ListRangeDigestsRequest,
  call: Call,
): AsyncGenerator<MessageInitShape<typeof ListRangeDigestsResponseSchema>, void, void> {
  const buckets = new HashBuckets(hashRanges(request.keyRanges), request.bucketCount);
  const wanted = wantedBuckets(request.buckets, buckets.count);
  const afterKey = request.afterKey === "" ? {} : { afterKey: new TextEncoder().encode(request.afterKey) };
  const walk = { ...walkRequest(node, request, call), ...afterKey };
  for await (const { keys, digests } of listDigests(node, buckets, wanted, walk)) {
    yield { keys: [...keys], digests };
  }
}

function walkRequest(
  node: StorageNode,
  { tenantId, deletedBefore }: { readonly tenantId: string; readonly deletedBefore: bigint },
  { signal }: Call,
): WalkRequest {
  if (deletedBefore < 0n) {
    const message = `deleted_before is ${deletedBefore}; allowed is a Unix time in seconds, or 0`;
    throw new StorageError("INVALID_ARGUMENT", message);
  }
  const deletedBeforeSeconds = deletedBefore === 0n ? node.deletedBeforeSeconds : Number(deletedBefore);
  return { tenantId, deletedBeforeSeconds, signal };
}

function hashRanges(ranges: readonly StreamKeyRange[]): HashRanges {
  return new HashRanges(ranges.map(({ startHash, endHash }) => ({ start: startHash, end: endHash })));
}

/** 1 for each bucket that is asked for: all where none is. */
function wantedBuckets(numbers: readonly number[], count: number): Uint8Array {
  const wanted = new Uint8Array(count);
  if (numbers.length === 0) return wanted.fill(1);
  for (const number of numbers) {
    if (number >= count) {
      const message = `there is no bucket ${number}: these ranges have ${count}, counted from 0`;
      throw new StorageError("INVALID_ARGUMENT", message);
    }
    wanted[number] = 1;
  }
  return wanted;
}
