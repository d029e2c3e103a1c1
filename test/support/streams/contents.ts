/** What nodes hold, and whether one contains what another one does. */

import { Slice } from "../../../src/base/bytes.ts";
import type { StorageNode } from "../../../src/node/storage-node.ts";
import { decodeRecord, type VersionedRecord } from "../../../src/versions/record.ts";
import { compareClocks } from "../../../src/versions/vector-clock.ts";

const decoder = new TextDecoder();

/** Records by `TENANT:KEY`, tombstones among them. */
export async function contentsOf(node: StorageNode): Promise<Map<string, VersionedRecord>> {
  const contents = new Map<string, VersionedRecord>();
  const walk = node.walk({ tenantId: "", deletedBeforeSeconds: node.deletedBeforeSeconds });
  try {
    for (let step = walk.next(); step !== "end"; step = walk.next()) {
      if (step === "record")
        contents.set(decoder.decode(walk.key.copy()), decodeRecord(new Slice(walk.value.copy())));
      else await step;
    }
  } finally {
    walk.close();
  }
  return contents;
}

/** Keys of which the second node has not seen all versions that the first one holds. */
export async function keysNotContained(
  source: StorageNode,
  target: StorageNode,
  isWanted: (key: string) => boolean = () => true,
): Promise<string[]> {
  const there = await contentsOf(target);
  return [...(await contentsOf(source))]
    .filter(([key, record]) => isWanted(key) && !isSeen(record, there.get(key)))
    .map(([key]) => key);
}

/** Whether each version is there, or something that has seen it. */
function isSeen(record: VersionedRecord, held: VersionedRecord | undefined): boolean {
  return record.every(({ clock }) =>
    (held ?? []).some((version) => ["equal", "before"].includes(compareClocks(clock, version.clock))),
  );
}
