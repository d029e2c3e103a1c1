/** `@pairdb/client`: everything but the transports. */
export { type BatchLimits, defaultBatchLimits } from "./batching.ts";
export {
  type CallSettings,
  PairDb,
  type PairDbOptions,
  type PutSettings,
  type Update,
} from "./client.ts";
export {
  advanceClock,
  type Clock,
  type ClockOrder,
  compareClocks,
  emptyClock,
  formatClock,
  mergeClocks,
  parseClock,
} from "./clock.ts";
export { Entry, type Resolve, type Sibling } from "./entry.ts";
export { ConflictError, PairDbError, type PairDbErrorCode, SiblingsError } from "./errors.ts";
export type { ScannedEntry, ScanRange } from "./scan.ts";
