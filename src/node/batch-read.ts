/** Reads of several keys at once: every key is looked up in one turn, so all answers are as of one moment. */
import { Slice } from "../base/bytes.ts";
import { entryKinds, type FoundEntry, type SequenceNumber } from "../engine/internal-key.ts";
import { atPlace } from "./batch-place.ts";
import { locateCorruption } from "./corruption.ts";
import type { StorageNodeEnvironment, StorageNodeOptions } from "./environment.ts";
import { EngineKeyBuffer } from "./keys.ts";
import { ShownRecord } from "./shown-record.ts";
import { checkBatchCount, checkKey, checkTenantId } from "./validation.ts";

/** Takes what a key holds; `record` is valid until it returns. Must not call the node. */
export type RecordVisitor = (index: number, record: ShownRecord) => void;

export class BatchReader {
  readonly #environment: StorageNodeEnvironment;
  readonly #options: StorageNodeOptions;
  readonly #key = new EngineKeyBuffer();
  readonly #found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };
  readonly #shown = new ShownRecord();

  constructor(environment: StorageNodeEnvironment, options: StorageNodeOptions) {
    this.#environment = environment;
    this.#options = options;
  }

  /** See `StorageNode.readBatch`. */
  read(tenantId: string, keys: readonly string[], visit: RecordVisitor): Promise<void> | undefined {
    checkBatchCount(keys.length, this.#options.batchLimits);
    checkTenantId(tenantId);
    const waits: Promise<void>[] = [];
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]!;
      try {
        checkKey(key);
      } catch (error) {
        throw atPlace("keys", index, error);
      }
      this.#key.set(tenantId, key);
      const resident = this.#environment.store.whenResident(this.#key.bytes, this.#key.length);
      if (resident !== undefined) waits.push(resident);
    }
    if (waits.length === 0) return this.#readNow(tenantId, keys, visit);
    return Promise.all(waits).then(() => this.#readNow(tenantId, keys, visit));
  }

  #readNow(tenantId: string, keys: readonly string[], visit: RecordVisitor): Promise<void> | undefined {
    const { store, clock } = this.#environment;
    const { gcGraceMs } = this.#options;
    const nowMs = clock.nowMs();
    const found = this.#found;
    const shown = this.#shown;
    let newestSequence: SequenceNumber = 0;
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]!;
      this.#key.set(tenantId, key);
      if (store.get(this.#key.bytes, this.#key.length, found)) {
        try {
          shown.show(found.value, nowMs, gcGraceMs);
        } catch (error) {
          throw atPlace("keys", index, locateCorruption(error, tenantId, key));
        }
      } else shown.showAbsent();
      if (found.sequence > newestSequence) newestSequence = found.sequence;
      visit(index, shown);
    }
    return store.whenDurable(newestSequence);
  }
}
