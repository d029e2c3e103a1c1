/**
 * `storage.StorageNodeService` over a storage node.
 *
 * A key that is not there is answered in-band, and so is a stale write where the node reports those; everything
 * else that fails is thrown and becomes a status. Methods that are not listed here are UNIMPLEMENTED.
 * `idempotency_key` plays no part: a retry is idempotent when it carries a clock.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { StorageError } from "../base/errors.ts";
import { compareUtf8, readUtf8 } from "../base/utf8.ts";
import {
  ReadResponseSchema,
  type ScanRequest as ScanRequestMessage,
  type ScanResponseSchema,
  StorageNodeService,
} from "../gen/storage/storage_node_pb.ts";
import type { ReadResult, StorageNode } from "../node/storage-node.ts";
import type { Call } from "./call.ts";
import { type Endpoint, serverStream, unary } from "./endpoint.ts";
import { clockEntries, readResponse, scanEntry, writeResponse } from "./messages.ts";
import { readCodec, writeCodec } from "./storage-codecs.ts";

/** How the node is: the part of a health report that HealthCheck tells. */
export interface HealthAnswer {
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly metrics: Readonly<Record<string, string>>;
}

export interface StorageServiceOptions {
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

    serverStream(method.scan, (request, call) => scan(node(), request, call)),
  ];
}

/** Chunks as the node cuts them; each carries the token that goes on after it. */
async function* scan(
  node: StorageNode,
  request: ScanRequestMessage,
  call: Call,
): AsyncGenerator<MessageInitShape<typeof ScanResponseSchema>, void, void> {
  const { tenantId, endKey, prefix, limit, keysOnly } = request;
  const chunks = node.scan({ tenantId, startKey: scanStart(request), endKey, prefix, limit, keysOnly });
  for await (const { records, resumeKey } of chunks) {
    for (const record of records) call.valueBytes += record.value.length;
    yield {
      entries: records.map((record) => scanEntry(record, tenantId)),
      resumeToken: resumeKey === undefined ? new Uint8Array(0) : new TextEncoder().encode(resumeKey),
    };
  }
}

/** A resume token is the key of the next record, so it has to lie in the range that it goes on with. */
function scanStart({ startKey, endKey, resumeToken }: ScanRequestMessage): string {
  if (resumeToken.length === 0) return startKey;
  const resumeKey = readUtf8(resumeToken, 0, resumeToken.length);
  const isOfRange =
    resumeKey !== undefined &&
    compareUtf8(resumeKey, startKey) >= 0 &&
    (endKey === "" || compareUtf8(resumeKey, endKey) < 0);
  if (isOfRange) return resumeKey;
  throw new StorageError(
    "INVALID_ARGUMENT",
    "resume_token does not belong to this range: send the token of an earlier answer with the same range",
  );
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
  throw new StorageError(
    "RESOURCE_EXHAUSTED",
    `the answer has ${sizeBytes} bytes, the limit is ${maxResponseBytes} (limits.max_response_bytes)`,
    { details: { size: String(sizeBytes), limit: String(maxResponseBytes) } },
  );
}
