/** Records that travel together: copies, since what they were read from moves on. */
import { Slice } from "../../base/bytes.ts";
import { locateCorruption } from "../../node/corruption.ts";
import { splitEngineKey } from "../../node/keys.ts";
import { decodeRecord } from "../../versions/record.ts";
import type { ReplicatedRecord } from "../peer.ts";

/** So small that to encode a batch takes a fraction of a slice's time; a single record may be larger. */
const maxVersions = 256;
const maxBytes = 256 * 1024;

export class RecordBatch {
  readonly records: ReplicatedRecord[] = [];
  /** Of keys and encoded records. */
  sizeBytes = 0;
  #versionCount = 0;

  get isEmpty(): boolean {
    return this.records.length === 0;
  }

  get isFull(): boolean {
    return this.#versionCount >= maxVersions || this.sizeBytes >= maxBytes;
  }

  /** `key` and `record` as the engine has them. Throws CORRUPTED_DATA for what is none. */
  add(key: Slice, record: Slice): void {
    const { tenantId, key: text } = splitEngineKey(key);
    try {
      const versions = decodeRecord(new Slice(record.copy()));
      this.records.push({ tenantId, key: text, versions });
      this.#versionCount += versions.length;
      this.sizeBytes += key.length + record.length;
    } catch (error) {
      throw locateCorruption(error, tenantId, text);
    }
  }
}
