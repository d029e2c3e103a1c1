/** What a key holds, as callers see it. */
import { type Clock, clockFromMessage, emptyClock } from "./clock.ts";
import type { KeyValueEntry, ReadResponse } from "./gen/storage/storage_node_pb.ts";

/** One of several concurrent versions. */
export interface Sibling {
  /** Undefined: this writer deleted the key. */
  readonly value: Uint8Array | undefined;
  readonly clock: Clock;
  /** Unix seconds; information alone. */
  readonly timestampSeconds: number;
}

/** Makes one value of several; undefined deletes the key. The same for any order, if all shall agree. */
export type Resolve = (
  siblings: readonly Sibling[],
  key: string,
) => Uint8Array | string | undefined | Promise<Uint8Array | string | undefined>;

export class Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Of all that the key holds: whoever writes with a clock after this one resolves it. */
  readonly clock: Clock;
  /** All versions where there are several; else empty. */
  readonly siblings: readonly Sibling[];

  constructor(key: string, value: Uint8Array, clock: Clock, siblings: readonly Sibling[] = []) {
    this.key = key;
    this.value = value;
    this.clock = clock;
    this.siblings = siblings;
  }

  /** The value as UTF-8. */
  get text(): string {
    return new TextDecoder().decode(this.value);
  }
}

/** What a key holds, absent and deleted keys included: their clock counts too. */
export interface Held {
  readonly value: Uint8Array | undefined;
  readonly clock: Clock;
  readonly siblings: readonly Sibling[];
}

export function heldFromMessage(response: ReadResponse): Held {
  return {
    value: response.success ? response.value : undefined,
    clock: response.vectorClock === undefined ? emptyClock : clockFromMessage(response.vectorClock),
    siblings: response.siblings.map(siblingFromMessage),
  };
}

function siblingFromMessage({ isTombstone, value, vectorClock, timestamp }: KeyValueEntry): Sibling {
  return {
    value: isTombstone ? undefined : value,
    clock: clockFromMessage(vectorClock),
    timestampSeconds: Number(timestamp),
  };
}

/** With the node's choice among siblings. */
export function entryOf(key: string, { value, clock, siblings }: Held): Entry | undefined {
  return value === undefined ? undefined : new Entry(key, value, clock, siblings);
}

/** With the caller's choice among siblings. */
export async function resolvedEntry(key: string, held: Held, resolve: Resolve): Promise<Entry | undefined> {
  if (held.siblings.length === 0) return entryOf(key, held);
  const value = await resolve(held.siblings, key);
  return value === undefined ? undefined : new Entry(key, bytesOf(value), held.clock, held.siblings);
}

export function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}
