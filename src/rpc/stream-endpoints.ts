/**
 * The methods of `storage.StorageNodeService` by which coordinators have hash ranges streamed to another node. What a
 * request asks for and cannot be done is answered in-band, since they look at `success` and `state` alone.
 */
import { StorageNodeService } from "../gen/storage/storage_node_pb.ts";
import type { StreamControl, StreamReport } from "../migration/streams/streams.ts";
import { type Endpoint, unary } from "./endpoint.ts";

export interface StreamServiceOptions {
  /** Throws UNAVAILABLE while the node is not open. */
  readonly streams: () => StreamControl;
}

export function streamEndpoints({ streams }: StreamServiceOptions): Endpoint[] {
  const { method } = StorageNodeService;
  return [
    unary(method.startStreaming, ({ sourceNodeId, targetNodeId, targetHost, targetPort, keyRanges }) =>
      streams().start({
        sourceNodeId,
        target: { nodeId: targetNodeId, host: targetHost, port: targetPort },
        ranges: keyRanges.map(({ startHash, endHash }) => ({ start: startHash, end: endHash })),
      }),
    ),
    unary(method.stopStreaming, (request) => streams().stop(request)),
    unary(method.getStreamStatus, (request) => statusMessage(streams().status(request))),
    unary(method.notifyStreamingComplete, (request) => streams().notifyComplete(request)),
  ];
}

function statusMessage(report: StreamReport | undefined) {
  if (report === undefined) return { active: false, state: "not_found" };
  const { isActive, state, counts } = report;
  return {
    active: isActive,
    state,
    keysCopied: BigInt(counts.keysCopied),
    // What was found missing is sent after the copy, as what is written is.
    keysStreamed: BigInt(counts.keysStreamed + counts.keysRepaired),
    bytesCopied: BigInt(counts.bytesCopied),
    bytesStreamed: BigInt(counts.bytesStreamed + counts.bytesRepaired),
  };
}
