/** A header block that comes in more than one frame: HEADERS, and then CONTINUATION frames alone (section 6.10). */
import { type ArrayPool, ByteQueue } from "./byte-queue.ts";
import type { Http2Limits, LimitName } from "./limits.ts";

export class HeaderBlock {
  /** 0 while there is none. */
  streamId = 0;
  isEndOfStream = false;
  startedAtMs = 0;
  readonly bytes: ByteQueue;
  #frameCount = 0;
  readonly #limits: Http2Limits;

  constructor(limits: Http2Limits, pool: ArrayPool) {
    this.#limits = limits;
    this.bytes = new ByteQueue(pool);
  }

  begin(streamId: number, isEndOfStream: boolean, nowMs: number): void {
    this.streamId = streamId;
    this.isEndOfStream = isEndOfStream;
    this.startedAtMs = nowMs;
    this.#frameCount = 0;
  }

  /** Names the limit that the block went past. */
  add(bytes: Uint8Array, start: number, length: number): LimitName | undefined {
    if (this.#frameCount++ > this.#limits.maxContinuationFrames) return "continuation_frames";
    if (this.bytes.length + length > this.#limits.maxHeaderBlockBytes) return "header_block";
    this.bytes.append(bytes, start, length);
    return undefined;
  }

  clear(): void {
    this.streamId = 0;
    this.bytes.clear();
  }
}
