/**
 * The clocks that a node gives to versions that came without one, all at one moment: each is the clock that is held,
 * with the node's own entry raised (`incrementClock`). Most often what is held is nothing, an earlier entry of the
 * node's own, or the same clock as last time; for those, clocks are neither taken apart nor put together anew.
 */
import { decodeClock, encodeClock, encodedClockLength } from "./clock-encoding.ts";
import { emptyClock, incrementClock, type VectorClock } from "./vector-clock.ts";

/** The wall clock keeps numbers from being used twice even after the data was restored from an older copy. */
export function ownTimestamp(nowMs: number): bigint {
  return BigInt(Math.floor(nowMs * 1000));
}

/** A clock, with its bytes as clock-encoding.ts has them. */
export class RaisedClock {
  readonly clock: VectorClock;
  readonly bytes: Uint8Array;

  constructor(clock: VectorClock) {
    this.clock = clock;
    this.bytes = new Uint8Array(encodedClockLength(clock));
    encodeClock(clock, this.bytes, 0);
  }
}

const continuationBit = 0x80;

export class OwnClocks {
  /** Where nothing is held. */
  readonly first: RaisedClock;
  readonly #nodeId: string;
  readonly #timestamp: bigint;
  /** Where in the bytes of `first` the timestamp begins, which is what they end with. */
  readonly #timestampStart: number;
  #lastHeld: Uint8Array | undefined;
  #lastRaised: RaisedClock;

  constructor(nodeId: string, nowMs: number) {
    this.#nodeId = nodeId;
    this.#timestamp = ownTimestamp(nowMs);
    this.first = this.#lastRaised = new RaisedClock(incrementClock(emptyClock, nodeId, this.#timestamp));
    const { bytes } = this.first;
    let start = bytes.length - 1;
    while ((bytes[start - 1]! & continuationBit) !== 0) start--;
    this.#timestampStart = start;
  }

  /** The held clock in these bytes, raised; undefined where they are none. Throws what `incrementClock` does. */
  raise(bytes: Uint8Array, start: number, length: number): RaisedClock | undefined {
    if (this.#isEarlierOwn(bytes, start, length)) return this.first;
    if (this.#lastHeld === undefined || !isSame(this.#lastHeld, bytes, start, length)) {
      const held = decodeClock(bytes, start, length);
      if (held === undefined) return undefined;
      this.#lastRaised = new RaisedClock(incrementClock(held, this.#nodeId, this.#timestamp));
      this.#lastHeld = bytes.slice(start, start + length);
    }
    return this.#lastRaised;
  }

  /** Whether these bytes are a clock of this node's entry alone, before the moment. */
  #isEarlierOwn(bytes: Uint8Array, start: number, length: number): boolean {
    const own = this.first.bytes;
    if (length !== own.length) return false;
    for (let i = 0; i < this.#timestampStart; i++) if (bytes[start + i] !== own[i]) return false;
    let order = 0;
    for (let i = this.#timestampStart; i < length; i++) {
      const difference = bytes[start + i]! - own[i]!;
      if (difference === 0) continue;
      if (((bytes[start + i]! ^ own[i]!) & continuationBit) !== 0) return false;
      // The last byte counts most.
      order = difference;
    }
    return order < 0 && bytes[start + length - 1] !== 0;
  }
}

function isSame(one: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (one.length !== length) return false;
  for (let i = 0; i < length; i++) if (one[i] !== bytes[start + i]) return false;
  return true;
}
