import { describe, expect, test } from "bun:test";
import { BoundedWrites } from "../../../src/cli/bounded-writes.ts";

/** Writes that end when the test says so. */
class Writes {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();

  start(writes: BoundedWrites, key: string, sizeBytes = 1, name = key): Promise<void> {
    return writes.start(key, sizeBytes, () => {
      this.started.push(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#ends.set(name, resolve);
      return promise;
    });
  }

  end(name: string): void {
    this.#ends.get(name)?.();
  }
}

/** Lets everything run that can. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("bounded writes", () => {
  test("no more at a time than allowed", async () => {
    const bounded = new BoundedWrites({ maxInFlight: 2, maxInFlightBytes: 100 });
    const writes = new Writes();
    await writes.start(bounded, "a");
    await writes.start(bounded, "b");
    const third = writes.start(bounded, "c");
    await settle();
    expect(writes.started).toEqual(["a", "b"]);
    writes.end("b");
    await third;
    expect(writes.started).toEqual(["a", "b", "c"]);
  });

  test("no more bytes than allowed, but a larger one alone", async () => {
    const bounded = new BoundedWrites({ maxInFlight: 10, maxInFlightBytes: 100 });
    const writes = new Writes();
    await writes.start(bounded, "huge", 1000);
    const second = writes.start(bounded, "small", 1);
    await settle();
    expect(writes.started).toEqual(["huge"]);
    writes.end("huge");
    await second;
    expect(writes.started).toEqual(["huge", "small"]);
  });

  test("two writes of one key follow each other", async () => {
    const bounded = new BoundedWrites({ maxInFlight: 10, maxInFlightBytes: 100 });
    const writes = new Writes();
    await writes.start(bounded, "k", 1, "first");
    const second = writes.start(bounded, "k", 1, "second");
    await settle();
    expect(writes.started).toEqual(["first"]);
    writes.end("first");
    await second;
    expect(writes.started).toEqual(["first", "second"]);
    let idle = false;
    const whenIdle = bounded.whenIdle().then(() => {
      idle = true;
    });
    await settle();
    expect(idle).toBe(false);
    writes.end("second");
    await whenIdle;
  });
});
