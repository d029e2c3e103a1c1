import type { ApproximateSize } from "../../engine/approximate-size.ts";
import type { Checkpoint } from "../../engine/checkpoint.ts";
import type { EngineStatus } from "../../engine/status.ts";
import type { RecordView } from "../record-store.ts";

/** What an administration asks of the engine; `Engine` has this shape, and tests bring their own. */
export interface AdministeredStore {
  status(): EngineStatus;
  flush(): Promise<void>;
  compactRange(start?: Uint8Array, end?: Uint8Array): Promise<void>;
  checkpoint(directory: string): Promise<Checkpoint>;
  pauseCompaction(): void;
  resumeCompaction(): void;
  approximateSize(start?: Uint8Array, end?: Uint8Array): ApproximateSize;
  view(): RecordView;
}
