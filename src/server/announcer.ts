/** Keeps what the ring is told of this node up to date. */
import { version } from "../base/version.ts";
import type { Configuration } from "../config/resolve.ts";
import { maxMetaBytes } from "../gossip/wire/messages.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { encodeAnnouncement } from "./announcement.ts";
import { FigureSource, type FigureSources } from "./figure-source.ts";

export interface AnnouncerParts extends Omit<FigureSources, "calls" | "clock"> {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** The port of gRPC that is in use. */
  readonly grpcPort: () => number;
}

/** How soon others hear that the node's status is another one. */
const statusIntervalMs = 1000;

export class Announcer {
  readonly #parts: AnnouncerParts;
  readonly #figures: FigureSource;
  #status = "";
  #toldAtMs = 0;
  #timer: Timer | undefined;

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
    this.#figures = new FigureSource({ ...parts, calls: () => parts.telemetry.rpcObserver.calls() });
  }

  text(): Uint8Array {
    const { configuration, clock, grpcPort } = this.#parts;
    this.#status = this.#statusNow();
    this.#toldAtMs = clock.monotonicMs();
    const announcement = {
      nodeId: configuration.server.node_id,
      status: this.#status,
      timestampMs: clock.nowMs(),
      grpcPort: grpcPort(),
      version,
      figures: this.#figures.read(),
    };
    return encodeAnnouncement(announcement, maxMetaBytes);
  }

  /** A new status at once, figures every `gossip.gossip_interval`. */
  start(tell: (meta: Uint8Array) => void): void {
    const { configuration, clock } = this.#parts;
    this.#timer = clock.after(statusIntervalMs, () => {
      const isChanged = this.#statusNow() !== this.#status;
      const isOld = clock.monotonicMs() - this.#toldAtMs >= configuration.gossip.gossip_interval;
      if (isChanged || isOld) tell(this.text());
      this.start(tell);
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** That of the health, unless the node is to be removed. */
  #statusNow(): string {
    const { health } = this.#parts.telemetry;
    return health.isDraining ? "draining" : health.health().status;
  }
}
