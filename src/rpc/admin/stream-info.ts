/** A stream, as the admin service tells it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { StreamInfoSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import type { StreamReport } from "../../migration/streams/streams.ts";
import { wide } from "./figures.ts";

export function streamInfo(report: StreamReport): MessageInitShape<typeof StreamInfoSchema> {
  const { target, state, phase, failure, isEnded, ranges, startedAtMs, counts, lagBytes, lagMs } = report;
  return {
    targetNodeId: target.nodeId,
    targetHost: target.host,
    targetPort: target.port,
    state,
    phase,
    failureReason: failure?.reason ?? "",
    isEnded,
    rangeCount: ranges.length,
    startedAtUnixMs: wide(startedAtMs),
    keysCopied: wide(counts.keysCopied),
    bytesCopied: wide(counts.bytesCopied),
    keysStreamed: wide(counts.keysStreamed),
    bytesStreamed: wide(counts.bytesStreamed),
    keysRepaired: wide(counts.keysRepaired),
    bytesRepaired: wide(counts.bytesRepaired),
    lagBytes: wide(lagBytes),
    lagSeconds: (lagMs ?? 0) / 1000,
  };
}
