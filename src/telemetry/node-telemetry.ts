/** What the storage node decides about versions and the disk, as metrics and log lines. Keys stay out of them. */
import type { DiskState } from "../node/disk-guard.ts";
import type { NodeObserver } from "../node/node-observer.ts";
import { keyHashText } from "../versions/key-hash.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";

export class NodeTelemetry implements NodeObserver {
  readonly #logger: Logger;
  readonly #staleWrites;
  readonly #equalClocks;
  readonly #siblingsStored;
  readonly #siblingsDropped;

  constructor(instruments: Instruments, logger: Logger) {
    this.#logger = logger;
    this.#staleWrites = instruments.counter(
      "storage_stale_writes_total",
      "Writes with a clock before that of a version held: nothing was stored",
    );
    this.#equalClocks = instruments.counter(
      "storage_equal_clock_conflicts_total",
      "Writes with the clock of a version held and another content: the larger content stays",
    );
    this.#siblingsStored = instruments.counter(
      "storage_siblings_total",
      "Versions stored beside others of the same key",
    );
    this.#siblingsDropped = instruments.counter(
      "storage_siblings_dropped_total",
      "Versions that left because a key had too many or too large ones",
    );
  }

  staleWrite(tenantId: string, _key: string): void {
    this.#staleWrites.inc();
    this.#logger.debug("stale write: nothing was stored", { tenant: tenantId });
  }

  equalClockConflict(tenantId: string, key: string, kept: "held" | "incoming"): void {
    this.#equalClocks.inc();
    this.#logger.warn("two writes with one clock and different contents: a client reuses clocks", {
      ...aboutKey(tenantId, key),
      kept,
    });
  }

  siblingStored(tenantId: string, _key: string, siblingCount: number): void {
    this.#siblingsStored.inc();
    this.#logger.debug("concurrent versions are kept", { tenant: tenantId, sibling_count: siblingCount });
  }

  siblingsDropped(tenantId: string, key: string, droppedCount: number): void {
    this.#siblingsDropped.inc(droppedCount);
    this.#logger.warn("concurrent versions of a key were dropped at the limit", {
      ...aboutKey(tenantId, key),
      dropped_count: droppedCount,
    });
  }

  diskStateChanged(state: DiskState, usedShare: number): void {
    const fields = { state, used_percent: Math.round(usedShare * 1000) / 10 };
    if (state === "ok") this.#logger.info("the disk has room again", fields);
    else if (state === "warning") this.#logger.warn("the disk fills up", fields);
    else this.#logger.error("the disk is nearly full: writes are refused", fields);
  }
}

function aboutKey(tenantId: string, key: string) {
  return { tenant: tenantId, key_hash: keyHashText(tenantId, key) };
}
