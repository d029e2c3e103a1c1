/** Records that outlive the moment in which the node shows them. */
import { Slice } from "../base/bytes.ts";
import type { ShownRecord } from "../node/shown-record.ts";
import type { VersionedRecord } from "../versions/record.ts";

/** A copy of all versions; empty for an absent key. */
export function ownVersions(shown: ShownRecord): VersionedRecord {
  return shown.allVersions().map((version) => ({ ...version, value: new Slice(version.value.copy()) }));
}
