/**
 * Messages that spread by riding on packets, each as often as it takes to reach everybody with near certainty.
 *
 * Invariants:
 * 1. At most one message per subject: news of a member replaces what was said of it before.
 * 2. Messages sent least often go first, among these the longest that fits, among these the newest.
 * 3. Never more than `maxMessages`; what was sent most often gives way.
 * 4. Every message fits a packet. One that does not is left to the exchange of whole states.
 */
interface Broadcast {
  /** What it is about; `undefined` where nothing replaces it. */
  readonly subject: string | undefined;
  readonly message: Uint8Array;
  readonly number: number;
  transmissions: number;
  /** It is sent no more, or never was. */
  readonly done: (() => void) | undefined;
}

const maxMessages = 20_000;

export class BroadcastQueue {
  /** By invariant 2. */
  #queue: Broadcast[] = [];
  readonly #bySubject = new Map<string, Broadcast>();
  readonly #maxMessageBytes: number;
  #count = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** `done` is called when the message was sent as often as it should be, was replaced, or gave way. */
  add(subject: string | undefined, message: Uint8Array, done?: () => void): void {
    const replaced = subject === undefined ? undefined : this.#bySubject.get(subject);
    if (replaced !== undefined) this.#end(this.#removeAt(this.#queue.indexOf(replaced)));
    const broadcast = { subject, message, number: this.#count++, transmissions: 0, done };
    if (message.length > this.#maxMessageBytes) {
      done?.();
      return;
    }
    if (subject !== undefined) this.#bySubject.set(subject, broadcast);
    this.#insert(broadcast);
    if (this.#queue.length > maxMessages) this.#end(this.#removeAt(this.#queue.length - 1));
  }

  /**
   * Messages for one packet: at most `maxCount`, of `roomBytes` with `overheadBytes` more for each. One that has been
   * taken `transmitLimit` times is done.
   */
  take(roomBytes: number, overheadBytes: number, maxCount: number, transmitLimit: number): Uint8Array[] {
    const taken: Broadcast[] = [];
    let remainingBytes = roomBytes;
    for (const broadcast of this.#queue) {
      if (taken.length === maxCount || remainingBytes <= overheadBytes) break;
      const neededBytes = broadcast.message.length + overheadBytes;
      if (neededBytes > remainingBytes) continue;
      remainingBytes -= neededBytes;
      taken.push(broadcast);
    }
    if (taken.length === 0) return [];
    const isTaken = new Set(taken);
    this.#queue = this.#queue.filter((broadcast) => !isTaken.has(broadcast));
    for (const broadcast of taken) {
      if (++broadcast.transmissions < transmitLimit) this.#insert(broadcast);
      else this.#end(broadcast);
    }
    return taken.map((broadcast) => broadcast.message);
  }

  #insert(broadcast: Broadcast): void {
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (precedes(broadcast, this.#queue[middle]!)) high = middle;
      else low = middle + 1;
    }
    this.#queue.splice(low, 0, broadcast);
  }

  #removeAt(index: number): Broadcast {
    return this.#queue.splice(index, 1)[0]!;
  }

  #end(broadcast: Broadcast): void {
    const { subject } = broadcast;
    if (subject !== undefined && this.#bySubject.get(subject) === broadcast) this.#bySubject.delete(subject);
    broadcast.done?.();
  }
}

function precedes(a: Broadcast, b: Broadcast): boolean {
  if (a.transmissions !== b.transmissions) return a.transmissions < b.transmissions;
  if (a.message.length !== b.message.length) return a.message.length > b.message.length;
  return a.number > b.number;
}

/** How often a message is sent in a ring of so many. */
export function transmitLimitOf(multiplier: number, memberCount: number): number {
  return multiplier * Math.ceil(Math.log10(memberCount + 1));
}
