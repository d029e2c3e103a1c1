/** Data of one response that its client does not take yet, copied into blocks. */
import { copyRange } from "../base/bytes.ts";
import { type ArrayPool, ByteQueue, smallArrayBytes } from "./byte-queue.ts";

/** With less to hold than this, a block is as long as needed: many streams may hold a little each. */
const minPooledBytes = smallArrayBytes / 2;

export class SendQueue {
  length = 0;
  readonly #arrays: ArrayPool;
  readonly #blocks: ByteQueue[] = [];

  constructor(arrays: ArrayPool) {
    this.#arrays = arrays;
  }

  push(bytes: Uint8Array, start: number, length: number): void {
    this.length += length;
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.length + length <= smallArrayBytes) {
      last.append(bytes, start, length);
      return;
    }
    for (const end = start + length; start < end; start += smallArrayBytes) {
      const blockBytes = Math.min(smallArrayBytes, end - start);
      const block = new ByteQueue(blockBytes < minPooledBytes ? undefined : this.#arrays);
      block.append(bytes, start, blockBytes);
      this.#blocks.push(block);
    }
  }

  /** Moves the next `length` bytes, which are there, to `target`. */
  move(target: Uint8Array, position: number, length: number): void {
    this.length -= length;
    for (let moved = 0; moved < length; ) {
      const block = this.#blocks[0]!;
      const taken = Math.min(length - moved, block.length);
      copyRange(block.bytes, block.start, taken, target, position + moved);
      block.consume(taken);
      moved += taken;
      if (block.length === 0) this.#blocks.shift();
    }
  }

  clear(): void {
    this.length = 0;
    for (const block of this.#blocks) block.clear();
    this.#blocks.length = 0;
  }
}
