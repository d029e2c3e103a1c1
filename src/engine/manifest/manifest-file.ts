/**
 * The manifest as a file: a header, then records that are whole or not there.
 *
 *     header, 64 bytes                      slot, 32 bytes (at a multiple of 32)
 *      0  8 bytes magic "PAIRDBMF"           0  uint32  magic "EDIT"
 *      8  uint32  format version             4  uint32  payload's length
 *     12  uint32  zero                       8  uint32  CRC32 of the payload
 *     16  uint64  manifest number           12  uint32  record number, from 0
 *     24  16 bytes store id                 16  uint64  manifest number
 *     40  20 bytes zero                     24  uint32  zero
 *     60  uint32  CRC32 of bytes 0 to 59    28  uint32  CRC32 of bytes 0 to 27
 *
 * A record is its slot, its payload, and zeros up to the next multiple of 32. Appending takes two steps: first
 * zeros in place of the slot, the payload and the padding, and a sync; then the slot, and a sync. A slot never
 * crosses a 512-byte sector, which a disk writes whole or not at all, so a crash leaves no slot (all zeros, or the end of the
 * file) or a whole one, and a slot's payload was durable before it.
 *
 * Invariants:
 * 1. A record counts when its slot is there. No slot: the end. Anything else that does not check out was durable
 *    once, and is corruption; there is no torn record to be told apart from it.
 * 2. Record numbers ascend from 0 without a gap; record 0 is a snapshot of everything.
 * 3. A manifest is appended to only by the process that created it, so nothing is ever written over leftovers
 *    after the end. Magic, version and header checksum keep their places in all versions.
 */
import { corruption, errnoOf, isDiskFull, messageOf, StorageError } from "../../base/errors.ts";
import { readUint32, readUint64, writeUint32, writeUint64 } from "../../base/integers.ts";
import type { File, FileSystem } from "../../platform/file-system.ts";
import type { Random } from "../../platform/random.ts";
import type { FileNumber } from "../internal-key.ts";
import { decodeEdit, encodeEdit, manifestFormatVersion } from "./format.ts";
import type { VersionEdit } from "./version-edit.ts";

export const headerSizeBytes = 64;
export const slotSizeBytes = 32;
const storeIdSizeBytes = 16;

const fileMagic = new TextEncoder().encode("PAIRDBMF");
/** "EDIT" */
const slotMagic = 0x54494445;

/** What a manifest's header says. */
export interface ManifestIdentity {
  readonly manifestNumber: FileNumber;
  /** 16 random bytes, the same for all manifests of a store. */
  readonly storeId: Uint8Array;
}

export function randomStoreId(random: Random): Uint8Array {
  const storeId = new Uint8Array(storeIdSizeBytes);
  for (let offset = 0; offset < storeIdSizeBytes; offset += 4) writeUint32(storeId, offset, random.uint32());
  return storeId;
}

export interface ManifestRecord {
  readonly number: number;
  /** Of the slot. */
  readonly offset: number;
  readonly payloadSizeBytes: number;
  readonly edit: VersionEdit;
}

/** All that can be read of a manifest; `problem` is what stopped the reading before its end. */
export interface ManifestScan {
  readonly identity: ManifestIdentity | undefined;
  readonly records: readonly ManifestRecord[];
  readonly sizeBytes: number;
  readonly problem: StorageError | undefined;
}

export class ManifestWriter {
  readonly path: string;
  readonly identity: ManifestIdentity;
  readonly #file: File;
  #recordCount = 0;
  #sizeBytes = headerSizeBytes;

  private constructor(file: File, identity: ManifestIdentity) {
    this.path = file.path;
    this.identity = identity;
    this.#file = file;
  }

  /** A new file with its header, which the first append's sync makes durable. */
  static create(files: FileSystem, path: string, identity: ManifestIdentity): ManifestWriter {
    const file = files.open(path, "create");
    try {
      file.writeAt(encodeHeader(identity), 0);
    } catch (error) {
      file.close();
      throw error;
    }
    return new ManifestWriter(file, identity);
  }

  /** Where the next record goes. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Resolves when the edit is durable. One append at a time. After a rejection the edit may or may not be read
   * again, and nothing more may be appended, with one exception: DISK_FULL leaves the manifest as it was.
   */
  async append(edit: VersionEdit): Promise<void> {
    const payload = encodeEdit(edit);
    const sizeBytes = roundUp(slotSizeBytes + payload.length);
    this.#writeBody(payload, sizeBytes);
    await this.#file.sync();
    this.#writeSlot(encodeSlot(payload, this.#recordCount, this.identity.manifestNumber));
    await this.#file.sync();
    this.#recordCount++;
    this.#sizeBytes += sizeBytes;
  }

  close(): void {
    this.#file.close();
  }

  #writeSlot(slot: Uint8Array): void {
    try {
      this.#file.writeAt(slot, this.#sizeBytes);
    } catch (error) {
      // Half a slot would be taken for damage by the next start.
      ignoreFailure(() => this.#file.writeAt(new Uint8Array(slotSizeBytes), this.#sizeBytes));
      throw error;
    }
  }

  /** The first step: everything but the slot, whose place it takes too, so that the slot needs no new space. */
  #writeBody(payload: Uint8Array, sizeBytes: number): void {
    const body = new Uint8Array(sizeBytes);
    body.set(payload, slotSizeBytes);
    try {
      this.#file.writeAt(body, this.#sizeBytes);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      // A later, shorter record must not be followed by what this one left.
      this.#file.truncate(this.#sizeBytes);
      throw diskFull(this.path, error);
    }
  }
}

function ignoreFailure(act: () => void): void {
  try {
    act();
  } catch {
    // What led here is the error to report.
  }
}

function diskFull(path: string, cause: unknown): StorageError {
  return new StorageError("DISK_FULL", `${path} cannot grow: the disk is full`, { file: path, cause });
}

/** Reads as far as all checks hold. Throws only what opening the file throws. */
export function scanManifest(files: FileSystem, path: string): ManifestScan {
  const records: ManifestRecord[] = [];
  let identity: ManifestIdentity | undefined;
  let bytes = new Uint8Array(0);
  let problem: StorageError | undefined;
  try {
    bytes = readWhole(files, path);
    identity = decodeHeader(bytes, path);
    for (let offset = headerSizeBytes; ; ) {
      const record = decodeRecord(bytes, offset, records.length, identity, path);
      if (record === undefined) break;
      records.push(record);
      offset += roundUp(slotSizeBytes + record.payloadSizeBytes);
    }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    problem = error;
  }
  return { identity, records, sizeBytes: bytes.length, problem };
}

/** The whole file. Throws CORRUPTED_DATA where the disk does not give its bytes. */
function readWhole(files: FileSystem, path: string): Uint8Array<ArrayBuffer> {
  const file = files.open(path, "read");
  try {
    const bytes = new Uint8Array(file.sizeBytes());
    return bytes.subarray(0, file.readAt(bytes, 0));
  } catch (error) {
    if (errnoOf(error) !== "EIO") throw error;
    throw corruption(path, 0, `the disk cannot read it: ${messageOf(error)}`);
  } finally {
    file.close();
  }
}

function encodeHeader({ manifestNumber, storeId }: ManifestIdentity): Uint8Array {
  const header = new Uint8Array(headerSizeBytes);
  header.set(fileMagic);
  writeUint32(header, 8, manifestFormatVersion);
  writeUint64(header, 16, manifestNumber);
  header.set(storeId, 24);
  writeUint32(header, 60, Bun.hash.crc32(header.subarray(0, 60)));
  return header;
}

function decodeHeader(bytes: Uint8Array, path: string): ManifestIdentity {
  if (bytes.length < headerSizeBytes) throw corruption(path, bytes.length, "the manifest's header is cut");
  if (fileMagic.some((byte, index) => bytes[index] !== byte))
    throw corruption(path, 0, "this is no manifest");
  if (readUint32(bytes, 60) !== Bun.hash.crc32(bytes.subarray(0, 60))) {
    throw corruption(path, 0, "the checksum of the manifest's header is wrong");
  }
  const version = readUint32(bytes, 8);
  if (version !== manifestFormatVersion) throw unknownVersion(version, path);
  return { manifestNumber: readUint64(bytes, 16), storeId: bytes.slice(24, 24 + storeIdSizeBytes) };
}

function unknownVersion(version: number, path: string): StorageError {
  return new StorageError(
    "INVALID_ARGUMENT",
    `${path} has manifest format ${version}, this program reads ${manifestFormatVersion}: use a newer pairdb-node`,
    { file: path, offset: 8 },
  );
}

function encodeSlot(payload: Uint8Array, recordNumber: number, manifestNumber: FileNumber): Uint8Array {
  const slot = new Uint8Array(slotSizeBytes);
  writeUint32(slot, 0, slotMagic);
  writeUint32(slot, 4, payload.length);
  writeUint32(slot, 8, Bun.hash.crc32(payload));
  writeUint32(slot, 12, recordNumber);
  writeUint64(slot, 16, manifestNumber);
  writeUint32(slot, 28, Bun.hash.crc32(slot.subarray(0, 28)));
  return slot;
}

/** The record whose slot is at `offset`, or `undefined` at the end. */
function decodeRecord(
  bytes: Uint8Array,
  offset: number,
  number: number,
  { manifestNumber }: ManifestIdentity,
  path: string,
): ManifestRecord | undefined {
  if (offset + slotSizeBytes > bytes.length) return undefined;
  const slot = bytes.subarray(offset, offset + slotSizeBytes);
  if (slot.every((byte) => byte === 0)) return undefined;
  if (readUint32(slot, 0) !== slotMagic || readUint32(slot, 28) !== Bun.hash.crc32(slot.subarray(0, 28))) {
    throw corruption(path, offset, `the slot of record ${number} is damaged`);
  }
  if (readUint32(slot, 12) !== number || readUint64(slot, 16) !== manifestNumber) {
    throw corruption(path, offset, `record ${number} is missing: another one is in its place`);
  }
  const payloadSizeBytes = readUint32(slot, 4);
  const start = offset + slotSizeBytes;
  if (start + payloadSizeBytes > bytes.length) {
    throw corruption(
      path,
      start,
      `record ${number} is cut: the file ends before its ${payloadSizeBytes} bytes do`,
    );
  }
  const payload = bytes.subarray(start, start + payloadSizeBytes);
  if (Bun.hash.crc32(payload) !== readUint32(slot, 8)) {
    throw corruption(path, start, `the checksum of record ${number} is wrong`);
  }
  return { number, offset, payloadSizeBytes, edit: decodeEdit(payload, path, offset) };
}

function roundUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / slotSizeBytes) * slotSizeBytes;
}
