/** Streams that ended before their handler returned, and serve again: nobody holds them any more. */
import { Stream, type StreamOwner } from "./stream.ts";

const maxPooledStreams = 256;

export class StreamPool {
  readonly #streams: Stream[] = [];

  open(owner: StreamOwner, id: number, sendWindowBytes: number): Stream {
    const stream = this.#streams.pop() ?? new Stream(owner);
    stream.open(owner, id, sendWindowBytes);
    return stream;
  }

  giveBack(stream: Stream): void {
    if (this.#streams.length < maxPooledStreams) this.#streams.push(stream);
  }
}
