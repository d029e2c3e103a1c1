/**
 * Data of one response that its client does not take yet. Large pieces that were given away are kept as they are; all
 * others are copied, small ones into shared blocks.
 */
import { copyRange } from "../base/bytes.ts";
import type { Lender } from "./api.ts";
import { ByteQueue } from "./byte-queue.ts";

/** Shorter pieces are copied even when they were given: an object for each would cost more memory than the copy. */
const minKeptBytes = 4096;

/** Pieces are copied into one block up to here. */
const blockBytes = 64 * 1024;

export class SendQueue {
  length = 0;
  readonly #pieces: ByteQueue[] = [];

  /** Copies the range. */
  push(bytes: Uint8Array, start: number, length: number): void {
    const last = this.#pieces.at(-1);
    if (last?.isOwn && last.length + length <= blockBytes) last.append(bytes, start, length);
    else {
      const block = new ByteQueue();
      block.append(bytes, start, length);
      this.#pieces.push(block);
    }
    this.length += length;
  }

  /** Keeps the range by reference, if that is worth it: nobody changes it before its lender has it back. */
  give(bytes: Uint8Array, start: number, length: number, lender: Lender | undefined): void {
    if (length < minKeptBytes) {
      this.push(bytes, start, length);
      lender?.giveBack(bytes);
      return;
    }
    this.#pieces.push(ByteQueue.over(bytes, start, length, lender));
    this.length += length;
  }

  /** Moves the next `length` bytes, which are there, to `target`. */
  move(target: Uint8Array, position: number, length: number): void {
    this.length -= length;
    for (let moved = 0; moved < length; ) {
      const piece = this.#pieces[0]!;
      const taken = Math.min(length - moved, piece.length);
      copyRange(piece.bytes, piece.start, taken, target, position + moved);
      piece.consume(taken);
      moved += taken;
      if (piece.length === 0) this.#pieces.shift();
    }
  }

  clear(): void {
    this.length = 0;
    for (const piece of this.#pieces) piece.clear();
    this.#pieces.length = 0;
  }
}
