/** What all items of a batch share while they are applied, in one turn and as of one moment. */
import type { SequenceNumber } from "../engine/internal-key.ts";
import type { ConflictContext, Resolution } from "../versions/conflict.ts";
import { OwnClocks, type RaisedClock } from "../versions/own-clock.ts";

export class BatchTurn {
  readonly context: ConflictContext;
  readonly clocks: OwnClocks;
  /** When versions arrive that bring no time. */
  readonly timestampSeconds: number;
  /** The newest entry of the store that results rest on. */
  heldSequence: SequenceNumber = 0;
  #lastRaised: RaisedClock | undefined;
  #lastStored: Resolution | undefined;

  constructor(context: ConflictContext) {
    this.context = context;
    this.clocks = new OwnClocks(context.nodeId, context.nowMs);
    this.timestampSeconds = Math.floor(context.nowMs / 1000);
  }

  /** The resolution of an item that was stored alone; its record is in its entry. */
  storedWith(raised: RaisedClock): Resolution {
    if (this.#lastStored === undefined || raised !== this.#lastRaised) {
      this.#lastRaised = raised;
      const common = { outcome: "stored", record: undefined, recordBytes: 0 } as const;
      this.#lastStored = { ...common, clock: raised.clock, siblingCount: 1, droppedCount: 0 };
    }
    return this.#lastStored;
  }
}
