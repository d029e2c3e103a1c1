/**
 * The graceful end of a connection in two phases (RFC 9113, section 6.8). The first GOAWAY says that the end is near
 * and names no stream, so that requests which are on their way are still served. Once the peer has heard it (it has
 * answered a PING), or has had time to, the second names the last stream.
 */
import { errorCodes } from "./error-codes.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { maxUint31 } from "./frames.ts";

/** For a peer that answers no PING. */
const noticeMs = 1000;

export const shutdownPing: Uint8Array = Buffer.from("shutdown", "latin1");

export class Shutdown {
  #phase: "none" | "announced" | "final" = "none";
  #announcedAtMs = 0;
  readonly #frames: FrameWriter;
  /** Called once the last stream is decided. */
  readonly #finalize: () => number;

  /** `finalize` returns the last stream that is served, and holds the connection to it. */
  constructor(frames: FrameWriter, finalize: () => number) {
    this.#frames = frames;
    this.#finalize = finalize;
  }

  get isFinal(): boolean {
    return this.#phase === "final";
  }

  announce(nowMs: number): void {
    if (this.#phase !== "none") return;
    this.#phase = "announced";
    this.#announcedAtMs = nowMs;
    this.#frames.goAway(maxUint31, errorCodes.NO_ERROR, "");
    this.#frames.ping(shutdownPing, 0, false);
  }

  heard(): void {
    if (this.#phase !== "announced") return;
    this.#phase = "final";
    this.#frames.goAway(this.#finalize(), errorCodes.NO_ERROR, "");
  }

  tick(nowMs: number): void {
    if (nowMs - this.#announcedAtMs >= noticeMs) this.heard();
  }
}
