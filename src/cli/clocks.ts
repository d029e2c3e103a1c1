/** Vector clocks on the command line: `node-1=42,node-2=7`. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { StorageError } from "../base/errors.ts";
import { type VectorClock, VectorClockSchema } from "../gen/storage/storage_node_pb.ts";

export function parseClock(text: string): VectorClock {
  const entries = text.split(",").map((part): MessageInitShape<typeof VectorClockSchema> => {
    const [, id, number] = /^(.+)=(\d+)$/.exec(part) ?? [];
    if (id === undefined || number === undefined) {
      throw new StorageError(
        "INVALID_ARGUMENT",
        `"${part}" is no clock entry; write NODE=NUMBER,NODE=NUMBER`,
      );
    }
    return { entries: [{ coordinatorNodeId: id, logicalTimestamp: BigInt(number) }] };
  });
  return create(VectorClockSchema, { entries: entries.flatMap((entry) => entry.entries ?? []) });
}

/** Numbers as text: they have 64 bits. */
export function clockAsJson(clock: VectorClock | undefined): Record<string, string> {
  return Object.fromEntries(
    (clock?.entries ?? []).map((entry) => [entry.coordinatorNodeId, String(entry.logicalTimestamp)]),
  );
}
