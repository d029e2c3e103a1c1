import { describe, expect, test } from "bun:test";
import { BroadcastQueue, transmitLimitOf } from "../../../src/gossip/broadcast-queue.ts";

function message(length: number, mark: number): Uint8Array {
  return new Uint8Array(length).fill(mark);
}

/** The marks of what one packet takes. */
function take(queue: BroadcastQueue, roomBytes: number, transmitLimit = 3): number[] {
  return queue.take(roomBytes, 2, 127, transmitLimit).map((bytes) => bytes[0]!);
}

describe("broadcasts", () => {
  test("what was sent least often goes first, then the longest that fits, then the newest", () => {
    const queue = new BroadcastQueue(100);
    queue.add("a", message(10, 1));
    queue.add("b", message(10, 2));
    queue.add("c", message(30, 3));
    expect(take(queue, 46)).toEqual([3, 2]);
    expect(take(queue, 20)).toEqual([1]);
    expect(take(queue, 60)).toEqual([3, 2, 1]);
    expect(take(queue, 11)).toEqual([]);
  });

  test("a message is done once it was sent as often as it should be", () => {
    const queue = new BroadcastQueue(100);
    let doneCount = 0;
    queue.add("a", message(10, 1), () => doneCount++);
    expect([take(queue, 50), take(queue, 50), doneCount]).toEqual([[1], [1], 0]);
    expect([take(queue, 50), take(queue, 50), doneCount]).toEqual([[1], [], 1]);
    expect(queue.length).toBe(0);
  });

  test("news of a member replaces what was said of it; the application's messages stay", () => {
    const queue = new BroadcastQueue(100);
    let doneCount = 0;
    queue.add("a", message(10, 1), () => doneCount++);
    queue.add("a", message(10, 2));
    queue.add(undefined, message(10, 3));
    queue.add(undefined, message(10, 4));
    expect([take(queue, 100).sort(), doneCount]).toEqual([[2, 3, 4], 1]);
    queue.add("a", message(10, 5));
    expect(queue.length).toBe(3);
  });

  test("no more messages than a packet may have, and none that fits no packet", () => {
    const queue = new BroadcastQueue(10);
    let doneCount = 0;
    queue.add("a", message(11, 1), () => doneCount++);
    expect([queue.length, doneCount]).toEqual([0, 1]);
    for (let i = 0; i < 20; i++) queue.add(undefined, message(1, i));
    expect(queue.take(1000, 2, 7, 3).length).toBe(7);
  });

  test("it does not grow without end: what was sent most often gives way", () => {
    const queue = new BroadcastQueue(100);
    for (let i = 0; i < 20_001; i++) queue.add(undefined, message(1, 1));
    expect(queue.length).toBe(20_000);
  });

  test("the limit of transmissions grows with the logarithm of the ring", () => {
    expect([1, 9, 10, 99, 100, 999].map((count) => transmitLimitOf(4, count))).toEqual([4, 4, 8, 8, 12, 12]);
  });
});
