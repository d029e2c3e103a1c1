/**
 * What a record is, in 128 bits: equal on two replicas that hold the same versions of a key.
 *
 *   digest  := the first 16 bytes of SHA-256(SHA-256("TENANT:KEY")  version*)
 *   version := flags(u8; bit 0: tombstone)  varint(clock length)  varint(value length)  clock  value
 *
 * Versions come in the order of their rank, clocks in the bytes of clock-encoding.ts: both depend on nothing but clocks
 * and contents. Times are left out, since replicas set their own when a write arrives.
 */
import { Slice } from "../base/bytes.ts";
import { nextTurn } from "../base/next-turn.ts";
import { Sha256, sha256Bytes } from "../platform/sha256.ts";
import { readFirstVersion, readLayouts, VersionLayout } from "../versions/record.ts";

export const digestBytes = 16;

/** What is hashed in one turn: some milliseconds on a slow machine. */
const turnBytes = 512 * 1024;

export class RecordDigester {
  readonly #sha256 = new Sha256();
  readonly #layout = new VersionLayout();

  /** The last digest: the first `digestBytes` of it. Overwritten by the next one. */
  get digest(): Uint8Array {
    return this.#sha256.digest;
  }

  /** Whether the record is so large that `digestInTurns` has to take it. */
  needsTurns(record: Slice): boolean {
    return record.length > turnBytes;
  }

  /** Of the record whose key has this SHA-256. Throws CORRUPTED_DATA where the bytes are none. */
  digestRecord(keyDigest: Uint8Array, record: Slice): void {
    const { bytes } = record;
    const isSingle = readFirstVersion(record, this.#layout) === 1;
    this.#begin(keyDigest);
    if (isSingle) this.#addVersion(bytes, this.#layout);
    else for (const layout of readLayouts(record)) this.#addVersion(bytes, layout);
    this.#sha256.finish();
  }

  /** The same of a record of any size, letting others run in between; nobody may change the bytes meanwhile. */
  async digestInTurns(keyDigest: Uint8Array, record: Uint8Array): Promise<void> {
    const layouts = readLayouts(new Slice(record));
    this.#begin(keyDigest);
    for (const layout of layouts) {
      this.#addHead(record, layout);
      const end = layout.valueStart + layout.valueLength;
      for (let position = layout.valueStart; position < end; position += turnBytes) {
        this.#sha256.add(record, position, Math.min(turnBytes, end - position));
        await nextTurn();
      }
    }
    this.#sha256.finish();
  }

  #begin(keyDigest: Uint8Array): void {
    this.#sha256.begin();
    this.#sha256.add(keyDigest, 0, sha256Bytes);
  }

  #addVersion(bytes: Uint8Array, layout: VersionLayout): void {
    this.#addHead(bytes, layout);
    this.#sha256.add(bytes, layout.valueStart, layout.valueLength);
  }

  #addHead(bytes: Uint8Array, layout: VersionLayout): void {
    this.#sha256.addVarint(layout.isTombstone ? 1 : 0);
    this.#sha256.addVarint(layout.clockLength);
    this.#sha256.addVarint(layout.valueLength);
    this.#sha256.add(bytes, layout.clockStart, layout.clockLength);
  }
}
