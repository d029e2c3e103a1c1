/** A cursor that stands where another one stands: the part that merging and concatenating share. */
import type { Slice } from "../../base/bytes.ts";
import type { EntryCursor, EntryKind, SequenceNumber } from "../internal-key.ts";

export abstract class DelegatingCursor implements EntryCursor {
  /** Valid where it is defined; subclasses move it. */
  protected current: EntryCursor | undefined;

  get valid(): boolean {
    return this.current !== undefined;
  }

  get key(): Slice {
    return this.current!.key;
  }

  get value(): Slice {
    return this.current!.value;
  }

  get sequence(): SequenceNumber {
    return this.current!.sequence;
  }

  get kind(): EntryKind {
    return this.current!.kind;
  }

  abstract rewind(): void;
  abstract seek(key: Uint8Array): void;
  abstract next(): void;
}
