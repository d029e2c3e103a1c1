/** Copies all records of the ranges that the store holds, in key order, and notes how far the target has them. */
import type { WalkRequest } from "../../node/record-walk.ts";
import type { RecordSource } from "../record-source.ts";
import type { RangeFilter } from "./range-filter.ts";
import { RecordBatch } from "./record-batch.ts";
import { type SendLimits, SendWindow } from "./send-window.ts";

export interface CopyEnvironment {
  readonly source: RecordSource;
  readonly filter: RangeFilter;
  readonly limits: SendLimits;
  readonly send: (batch: RecordBatch) => Promise<void>;
  /** All up to this key, as the engine has it, is acknowledged. */
  readonly acknowledged: (throughKey: Uint8Array, batch: RecordBatch | undefined) => void;
}

/** Resolves when the target has acknowledged everything. Rejects as walks do, and with the first failure to send. */
export async function copyRecords(environment: CopyEnvironment, request: WalkRequest): Promise<void> {
  const { source, filter, limits, send, acknowledged } = environment;
  const window = new SendWindow(send, limits, acknowledged);
  let batch = new RecordBatch();
  let lastKey: Uint8Array | undefined;
  const walk = source.walk(request);
  try {
    for (let step = walk.next(); step !== "end"; step = walk.next()) {
      if (step !== "record") {
        await step;
        continue;
      }
      if (!filter.includes(walk.key)) continue;
      batch.add(walk.key, walk.value);
      if (!batch.isFull) continue;
      lastKey = walk.key.copy();
      walk.leave();
      await window.add(batch, lastKey);
      batch = new RecordBatch();
    }
    // Should it fail, a later try goes on where this batch begins.
    if (!batch.isEmpty) await window.add(batch, lastKey ?? new Uint8Array(0));
    await window.drain();
  } catch (error) {
    window.abandon(error);
    throw error;
  } finally {
    walk.close();
  }
}
