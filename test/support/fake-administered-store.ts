import type { Checkpoint } from "../../src/engine/checkpoint.ts";
import type { EngineStatus } from "../../src/engine/status.ts";
import type { AdministeredStore } from "../../src/node/administration/administered-store.ts";
import { engineStatus } from "./engine-status.ts";
import { FakeRecordStore } from "./fake-record-store.ts";

/** A store in memory whose long work the test begins and ends; it remembers what was asked of it. */
export class FakeAdministeredStore extends FakeRecordStore implements AdministeredStore {
  currentStatus: EngineStatus = engineStatus;
  /** As texts: "flush", "pause", "compact FROM to TO", … */
  readonly requests: string[] = [];
  /** Those that run. */
  readonly compactions: PromiseWithResolvers<void>[] = [];
  checkpointResult: () => Promise<Checkpoint> = async () => ({
    sequence: 7,
    tableCount: 2,
    sizeBytes: 1000,
    copiedBytes: 10,
  });

  status(): EngineStatus {
    return this.currentStatus;
  }

  async flush(): Promise<void> {
    this.requests.push("flush");
  }

  compactRange(start?: Uint8Array, end?: Uint8Array): Promise<void> {
    this.requests.push(`compact ${textOf(start)} to ${textOf(end)}`);
    const compaction = Promise.withResolvers<void>();
    this.compactions.push(compaction);
    return compaction.promise;
  }

  checkpoint(directory: string): Promise<Checkpoint> {
    this.requests.push(`checkpoint ${directory}`);
    return this.checkpointResult();
  }

  pauseCompaction(): void {
    this.requests.push("pause");
    this.currentStatus = { ...this.currentStatus, isCompactionPaused: true };
  }

  resumeCompaction(): void {
    this.requests.push("resume");
    this.currentStatus = { ...this.currentStatus, isCompactionPaused: false };
  }

  async setDraining(isDraining: boolean): Promise<void> {
    this.requests.push(`draining ${isDraining}`);
    this.currentStatus = { ...this.currentStatus, isDraining };
  }

  /** A hundred bytes for each range, a few of them in memory. */
  approximateSize() {
    return { tableBytes: 93.6, memtableBytes: 6.4 };
  }
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "-" : new TextDecoder().decode(bytes);
}
