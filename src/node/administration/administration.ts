/**
 * What operators ask of a node's store as a whole. All of it is about this node alone.
 */

import { StorageError } from "../../base/errors.ts";
import type { Checkpoint } from "../../engine/checkpoint.ts";
import type { EngineStatus } from "../../engine/status.ts";
import { type EngineKeyRange, engineKeyRange } from "../keys.ts";
import { checkKeyBound, checkTenantId } from "../validation.ts";
import type { AdministeredStore } from "./administered-store.ts";
import { checkCheckpointName, explained } from "./checkpoint-name.ts";
import { listTables, type TablePage, type TablePageRequest } from "./tables.ts";
import { listTenants, type TenantPage, tenantRange } from "./tenants.ts";

export type { Checkpoint } from "../../engine/checkpoint.ts";
export type { DurationDistribution } from "../../engine/statistics/histogram.ts";
export type { EngineStatus, LevelStatus } from "../../engine/status.ts";

export interface AdministrationOptions {
  /** Checkpoints are made below it, and nowhere else. */
  readonly checkpointDirectory: string;
}

/** All tenants, or keys of one: an empty bound is open. */
export interface CompactionRange {
  /** Empty: all tenants, without bounds. */
  readonly tenantId: string;
  readonly startKey: string;
  readonly endKey: string;
}

export interface RunningCompaction {
  /** Rejects at the first failure, or when the store closes. */
  readonly done: Promise<void>;
  /** What the range takes in tables now. */
  approximateBytes(): number;
}

export class Administration {
  readonly #store: AdministeredStore;
  readonly #options: AdministrationOptions;

  constructor(store: AdministeredStore, options: AdministrationOptions) {
    this.#store = store;
    this.#options = options;
  }

  status(): EngineStatus {
    return this.#store.status();
  }

  /** Writes what is in memory only to a table. */
  flush(): Promise<void> {
    return this.#store.flush();
  }

  /** Flushes and compacts a range, which goes on whoever listens. Throws INVALID_ARGUMENT and INVALID_TENANT_ID. */
  compact(range: CompactionRange): RunningCompaction {
    const { start, end } = boundsOf(range);
    const done = this.#store.compactRange(start, end);
    return { done, approximateBytes: () => this.#store.approximateSize(start, end).tableBytes };
  }

  /** Starts no more compactions until `resumeCompaction`. */
  pauseCompaction(): void {
    this.#store.pauseCompaction();
  }

  resumeCompaction(): void {
    this.#store.resumeCompaction();
  }

  /** Copies the store into a new directory of this name. Throws INVALID_ARGUMENT where it cannot be one or is there. */
  async checkpoint(name: string): Promise<Checkpoint & { readonly directory: string }> {
    checkCheckpointName(name);
    const directory = `${this.#options.checkpointDirectory}/${name}`;
    try {
      return { ...(await this.#store.checkpoint(directory)), directory };
    } catch (error) {
      throw explained(error);
    }
  }

  listTables(request: TablePageRequest): TablePage {
    return listTables(this.#store.status(), request);
  }

  /** Tenants after one, in the byte order of their ids; from the first one where it is empty. */
  listTenants(afterTenantId: string, pageSize: number): Promise<TenantPage> {
    if (afterTenantId !== "") checkTenantId(afterTenantId);
    return listTenants(this.#store, afterTenantId, pageSize);
  }

  /** What a tenant takes, in tables and memory. */
  approximateTenantBytes(tenantId: string): number {
    checkTenantId(tenantId);
    const { start, end } = tenantRange(tenantId);
    const { tableBytes, memtableBytes } = this.#store.approximateSize(start, end);
    return tableBytes + memtableBytes;
  }
}

function boundsOf({ tenantId, startKey, endKey }: CompactionRange): Partial<EngineKeyRange> {
  if (tenantId === "") {
    if (startKey === "" && endKey === "") return {};
    throw new StorageError(
      "INVALID_ARGUMENT",
      "a range of keys needs a tenant_id: keys lie inside of tenants",
    );
  }
  checkTenantId(tenantId);
  checkKeyBound(startKey);
  checkKeyBound(endKey);
  const range = engineKeyRange(tenantId, startKey, endKey, "");
  if (range.isEmpty) {
    throw new StorageError("INVALID_ARGUMENT", "start_key is not before end_key: the range holds no key");
  }
  return range;
}
