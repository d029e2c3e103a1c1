/**
 * What an HTTP/2 client may send: the windows of the connection and of each stream (RFC 9113, section 5.2). Bodies that
 * fit leave at once; what does not waits here, in the order of its calls.
 */
import { defaultMaxFrameBytes } from "../http2/frames.ts";
import { defaultWindowBytes } from "../http2/settings.ts";

/** A body that has not left whole. */
interface Upload {
  readonly streamId: number;
  readonly body: Uint8Array;
  start: number;
  windowBytes: number;
}

export class Uploads {
  readonly #sendData: (
    streamId: number,
    body: Uint8Array,
    start: number,
    end: number,
    isLast: boolean,
  ) => void;
  readonly #waiting = new Map<number, Upload>();
  #connectionWindowBytes = defaultWindowBytes;
  /** Of streams that begin. */
  #streamWindowBytes = defaultWindowBytes;
  #maxFrameBytes = defaultMaxFrameBytes;

  constructor(
    sendData: (streamId: number, body: Uint8Array, start: number, end: number, isLast: boolean) => void,
  ) {
    this.#sendData = sendData;
  }

  /** Sends as much of the body as may be; the rest is copied, so the caller may reuse the body. */
  begin(streamId: number, body: Uint8Array): void {
    const upload = { streamId, body, start: 0, windowBytes: this.#streamWindowBytes };
    if (this.#pump(upload)) return;
    this.#waiting.set(streamId, { ...upload, body: new Uint8Array(body.subarray(upload.start)), start: 0 });
  }

  /** The answer came, or the stream was reset: nobody reads the rest. */
  end(streamId: number): void {
    if (this.#waiting.size > 0) this.#waiting.delete(streamId);
  }

  /** A WINDOW_UPDATE; stream 0 is the connection. */
  grow(streamId: number, bytes: number): void {
    if (streamId === 0) {
      this.#connectionWindowBytes += bytes;
      for (const upload of this.#waiting.values()) this.#pumpWaiting(upload);
      return;
    }
    const upload = this.#waiting.get(streamId);
    if (upload === undefined) return;
    upload.windowBytes += bytes;
    this.#pumpWaiting(upload);
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE counts for streams that are under way, too. */
  setStreamWindow(bytes: number): void {
    for (const upload of this.#waiting.values()) upload.windowBytes += bytes - this.#streamWindowBytes;
    this.#streamWindowBytes = bytes;
    for (const upload of this.#waiting.values()) this.#pumpWaiting(upload);
  }

  setMaxFrame(bytes: number): void {
    this.#maxFrameBytes = bytes;
  }

  #pumpWaiting(upload: Upload): void {
    if (this.#pump(upload)) this.#waiting.delete(upload.streamId);
  }

  /** Whether all of it has left. */
  #pump(upload: Upload): boolean {
    const { streamId, body } = upload;
    do {
      const rest = body.length - upload.start;
      const room = Math.min(this.#connectionWindowBytes, upload.windowBytes, this.#maxFrameBytes);
      if (room <= 0 && rest > 0) return false;
      const size = Math.min(rest, room);
      this.#sendData(streamId, body, upload.start, upload.start + size, size === rest);
      upload.start += size;
      upload.windowBytes -= size;
      this.#connectionWindowBytes -= size;
    } while (upload.start < body.length);
    return true;
  }
}
