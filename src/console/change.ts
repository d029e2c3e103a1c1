/**
 * Changes of a record that its reader has seen. What was changed since is noticed by a look just before. What comes
 * between that look and the change is not superseded: the change has the clock of what was seen, raised by an entry of
 * this page, so that the two stay beside each other as siblings.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ReadResponse, VectorClock, VectorClockSchema } from "../gen/storage/storage_node_pb.ts";
import { storage } from "./api.ts";
import { countsOf } from "./clocks.tsx";

/** One for each page, or the changes of two pages that saw the same would take each other's place. */
const writerId = `console-${crypto.getRandomValues(new Uint32Array(1))[0]!.toString(16).padStart(8, "0")}`;
let changeCount = 0n;

/** What the node holds now, where that is not what was seen (undefined: nothing was). */
export async function changedSince(
  tenantId: string,
  key: string,
  seen: ReadResponse | undefined,
): Promise<ReadResponse | undefined> {
  const current = await storage.read({ tenantId, key });
  return isSameClock(current.vectorClock, seen?.vectorClock) ? undefined : current;
}

/** The clock of a change by somebody who has seen this; never the same twice. */
export function clockAfter(seen: ReadResponse | undefined): MessageInitShape<typeof VectorClockSchema> {
  const counts = new Map(countsOf(seen?.vectorClock)).set(writerId, ++changeCount);
  return {
    entries: [...counts].map(([coordinatorNodeId, logicalTimestamp]) => ({
      coordinatorNodeId,
      logicalTimestamp,
    })),
  };
}

function isSameClock(one: VectorClock | undefined, other: VectorClock | undefined): boolean {
  const [left, right] = [countsOf(one), countsOf(other)];
  return left.size === right.size && [...left].every(([node, number]) => right.get(node) === number);
}
