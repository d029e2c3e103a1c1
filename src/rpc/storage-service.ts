/**
 * `storage.StorageNodeService` over a storage node.
 *
 * A key that is not there is answered in-band, and so is a stale write where the node reports those; everything
 * else that fails is thrown and becomes a status. Methods that are not listed here are UNIMPLEMENTED.
 * `idempotency_key` plays no part: a retry is idempotent when it carries a clock.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ReadResponseSchema, StorageNodeService } from "../gen/storage/storage_node_pb.ts";
import type { ReadResult, StorageNode } from "../node/storage-node.ts";
import { responseTooLarge } from "./bulk-answers.ts";
import { bulkEndpoints } from "./bulk-endpoints.ts";
import { checksumEndpoints } from "./checksum-endpoints.ts";
import { drainEndpoint } from "./drain-endpoint.ts";
import { type Endpoint, unary } from "./endpoint.ts";
import { clockEntries, readResponse, writeResponse } from "./messages.ts";
import { rangeEndpoints } from "./range-endpoints.ts";
import { type ReplicationOptions, replicationEndpoint } from "./replication-endpoint.ts";
import { readCodec, writeCodec } from "./storage-codecs.ts";

/** How the node is: the part of a health report that HealthCheck tells. */
export interface HealthAnswer {
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly metrics: Readonly<Record<string, string>>;
}

export interface StorageServiceOptions extends ReplicationOptions {
  /** The node, asked for at each call: the edge stands before the node has recovered. */
  readonly node: () => StorageNode;
  readonly health: () => HealthAnswer;
  readonly maxResponseBytes: number;
}

export function storageEndpoints(options: StorageServiceOptions): Endpoint[] {
  const { node, health, maxResponseBytes } = options;
  const { method } = StorageNodeService;
  return [
    unary(
      method.write,
      (request, call) => {
        call.valueBytes += request.value.length;
        const { tenantId, key, value, vectorClock } = request;
        return node().write(tenantId, key, value, clockEntries(vectorClock)).then(writeResponse);
      },
      writeCodec,
    ),

    unary(method.delete, async ({ tenantId, key, vectorClock }) =>
      writeResponse(await node().delete(tenantId, key, clockEntries(vectorClock))),
    ),

    unary(method.repair, async (request, call) => {
      call.valueBytes += request.value.length;
      const { tenantId, key, value, vectorClock } = request;
      await node().repair(tenantId, key, value, clockEntries(vectorClock));
      return { success: true };
    }),

    unary(
      method.read,
      ({ tenantId, key, includeSiblings }, call) => {
        const answer = (result: ReadResult) => {
          call.valueBytes += valueBytesOf(result);
          const response = readResponse(result, tenantId, key);
          assertResponseFits(response, result, maxResponseBytes);
          return response;
        };
        const result = node().read(tenantId, key, includeSiblings, call.encodesAtOnce);
        return result instanceof Promise ? result.then(answer) : answer(result);
      },
      readCodec,
    ),

    unary(method.healthCheck, () => {
      const { status, metrics } = health();
      return { healthy: status === "healthy", status, metrics: { ...metrics } };
    }),

    drainEndpoint(node),
    ...bulkEndpoints(options),
    ...rangeEndpoints(options),
    ...checksumEndpoints(options),
    replicationEndpoint(options),
  ];
}

function valueBytesOf(result: ReadResult): number {
  let sum = result.value.length;
  for (const version of result.siblings) sum += version.value.length;
  return sum;
}

/** More than a response takes beside its values, clocks at their limits excepted. */
const responseOverheadBytes = 4096;
/** The most that an entry of a clock takes: an id of 128 bytes, a timestamp, tags and lengths. */
const clockEntryBytes = 160;

/**
 * Throws RESOURCE_EXHAUSTED for a response over the limit. The exact size is only taken where a rough one, always
 * above it, does not settle the matter.
 */
function assertResponseFits(
  response: MessageInitShape<typeof ReadResponseSchema>,
  result: ReadResult,
  maxResponseBytes: number,
): void {
  let clockCount = result.clock.length;
  for (const version of result.siblings) clockCount += version.clock.length;
  const siblingBytes = result.siblings.length * responseOverheadBytes;
  const roughBytes =
    valueBytesOf(result) + clockCount * clockEntryBytes + siblingBytes + responseOverheadBytes;
  if (roughBytes <= maxResponseBytes) return;
  const sizeBytes = toBinary(ReadResponseSchema, create(ReadResponseSchema, response)).length;
  if (sizeBytes <= maxResponseBytes) return;
  throw responseTooLarge(sizeBytes, maxResponseBytes);
}
