/** Asks a silent peer whether it is there, so that quiet connections can live on and dead ones do not. */
import type { FrameWriter } from "./frame-writer.ts";
import type { Http2Limits, LimitName } from "./limits.ts";

const keepAlivePing: Uint8Array = Buffer.from("are you?", "latin1");

export class KeepAlive {
  #heardAtMs: number;
  #askedAtMs: number | undefined = undefined;
  readonly #limits: Http2Limits;
  readonly #frames: FrameWriter;

  constructor(limits: Http2Limits, frames: FrameWriter, nowMs: number) {
    this.#limits = limits;
    this.#frames = frames;
    this.#heardAtMs = nowMs;
  }

  /** Any byte is a sign of life. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#askedAtMs = undefined;
  }

  tick(nowMs: number): LimitName | undefined {
    if (this.#askedAtMs !== undefined) {
      return nowMs - this.#askedAtMs >= this.#limits.keepAliveTimeoutMs ? "keep_alive_timeout" : undefined;
    }
    if (nowMs - this.#heardAtMs >= this.#limits.keepAliveIntervalMs) {
      this.#askedAtMs = nowMs;
      this.#frames.ping(keepAlivePing, 0, false);
    }
    return undefined;
  }
}
