/** Where the records come from that are compared and moved; `StorageNode` has this shape. */
import type { RecordWalk, WalkRequest } from "../node/record-walk.ts";

export interface RecordSource {
  /** See `StorageNode.walk`. */
  walk(request: WalkRequest): RecordWalk;
}
