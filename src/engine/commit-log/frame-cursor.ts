/** A frame of the log as its reader gives it out: a cursor over the entries. */
import { Slice } from "../../base/bytes.ts";
import { corruption } from "../../base/errors.ts";
import { readUint64 } from "../../base/integers.ts";
import { VarintReader } from "../../base/varint.ts";
import type { FileNumber, SequenceNumber } from "../internal-key.ts";
import { FrameHeader, isLogEntryKind, type LogEntryKind, logEntryKinds } from "./format.ts";

/** A group of entries, or a part of a large one. Valid, with its slices, until the next frame is asked for. */
export interface Frame {
  readonly segmentNumber: FileNumber;
  /** Where the frame starts in its segment. */
  readonly offset: number;
  /** With its header and padding. */
  readonly sizeBytes: number;
  readonly firstSequence: SequenceNumber;
  readonly entryCount: number;
  readonly commitTimeMs: number;
  /** All entries as they are encoded, passed-over ones too: `key` and `value` lie in it. */
  readonly payload: Slice;
  readonly kind: LogEntryKind;
  readonly sequence: SequenceNumber;
  readonly key: Slice;
  readonly value: Slice;
  /** To the next entry (at first, the first one) that is not below `fromSequence`; false after the last. */
  next(): boolean;
}

/** One reused object per reader. Its payload was checked by CRC: a bad entry in it was written so. */
export class FrameCursor implements Frame {
  readonly header = new FrameHeader();
  readonly payload = new Slice();
  readonly key = new Slice();
  readonly value = new Slice();
  kind: LogEntryKind = logEntryKinds.value;
  sequence: SequenceNumber = 0;
  readonly #path: string;
  readonly #lengths = new VarintReader();
  #bytes = this.key.bytes;
  #position = 0;
  #end = 0;
  #fromSequence: SequenceNumber = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get segmentNumber(): FileNumber {
    return this.header.segmentNumber;
  }

  get offset(): number {
    return this.header.offset;
  }

  get sizeBytes(): number {
    return this.header.endOffset - this.header.offset;
  }

  get firstSequence(): SequenceNumber {
    return this.header.firstSequence;
  }

  get entryCount(): number {
    return this.header.entryCount;
  }

  get commitTimeMs(): number {
    return this.header.commitTimeMs;
  }

  /** Before the first entry of the payload that starts at `position` of `bytes`. */
  begin(bytes: Uint8Array, position: number): void {
    this.#bytes = bytes;
    this.#position = position;
    this.#end = position + this.header.payloadLength;
    this.payload.set(bytes, position, this.header.payloadLength);
    this.sequence = this.header.firstSequence - 1;
    this.#fromSequence = 0;
  }

  /** Of an end mark: the number of the next segment, 0 for none. */
  get nextSegment(): FileNumber {
    return readUint64(this.#bytes, this.#position);
  }

  /** Passes over entries below `sequence`. */
  startFrom(sequence: SequenceNumber): void {
    this.#fromSequence = sequence;
  }

  next(): boolean {
    const { firstSequence, entryCount } = this.header;
    const lastSequence = firstSequence + entryCount - 1;
    while (this.#position < this.#end && this.sequence < lastSequence) {
      this.#readEntry();
      if (this.sequence >= this.#fromSequence) return true;
    }
    if (this.#position < this.#end || this.sequence < lastSequence) {
      this.#refuse(`the frame does not hold the ${entryCount} entries that it announces`);
    }
    return false;
  }

  #readEntry(): void {
    const bytes = this.#bytes;
    const kind = bytes[this.#position]!;
    const lengths = this.#lengths.reset(bytes, this.#position + 1, this.#end);
    const keyLength = lengths.read();
    const valueLength = lengths.read();
    const keyStart = lengths.position;
    const end = keyStart + keyLength + valueLength;
    if (!isLogEntryKind(kind) || !lengths.ok || end > this.#end)
      this.#refuse("an entry of the frame is malformed");
    this.kind = kind;
    this.sequence++;
    this.key.set(bytes, keyStart, keyLength);
    this.value.set(bytes, keyStart + keyLength, valueLength);
    this.#position = end;
  }

  #refuse(what: string): never {
    throw corruption(this.#path, this.offset, `${what}, though its checksum is right`);
  }
}
