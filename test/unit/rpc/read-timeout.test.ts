import { describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { withReadTimeout } from "../../../src/rpc/read-timeout.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { failureOf } from "../../support/rpc-clients.ts";

const chunk = new Uint8Array([1]);

async function* slowly(gates: Promise<void>[]) {
  for (const gate of gates) {
    await gate;
    yield chunk;
  }
}

function timed(body: AsyncIterable<Uint8Array>, clock: ManualClock) {
  return withReadTimeout(body, { clock, readTimeoutMs: 100 }) as AsyncIterable<Uint8Array>;
}

test("a body that comes in time is the same, and leaves no timer", async () => {
  const clock = new ManualClock();
  const body = timed(slowly([Promise.resolve(), Promise.resolve()]), clock);
  expect(await Array.fromAsync(body)).toEqual([chunk, chunk]);
  expect(clock.pendingTimerCount).toBe(0);
});

test("one that does not is given up, though bytes kept coming", async () => {
  const clock = new ManualClock();
  const never = new Promise<void>(() => undefined);
  const iterator = timed(slowly([Promise.resolve(), never]), clock)[Symbol.asyncIterator]();
  expect((await iterator.next()).value).toBe(chunk);
  clock.advance(99);
  const next = failureOf(iterator.next());
  clock.advance(1);
  const failure = ConnectError.from(await next);
  expect([failure.code, failure.rawMessage]).toEqual([
    Code.DeadlineExceeded,
    "the request did not arrive whole within 100 ms",
  ]);
});

test("time that the receiver takes between reads counts too", async () => {
  const clock = new ManualClock();
  const iterator = timed(slowly([Promise.resolve(), Promise.resolve()]), clock)[Symbol.asyncIterator]();
  await iterator.next();
  clock.advance(100);
  expect(await failureOf(iterator.next())).toBeInstanceOf(ConnectError);
});

describe("of messages", () => {
  /** The chunks, each when it is let through; and what each read gives. */
  function exchange(clock: ManualClock) {
    const chunks: PromiseWithResolvers<Uint8Array>[] = [];
    async function* body() {
      for (;;) {
        const chunk = Promise.withResolvers<Uint8Array>();
        chunks.push(chunk);
        yield await chunk.promise;
      }
    }
    const timedBody = withReadTimeout(body(), { clock, readTimeoutMs: 100 }, "message");
    const iterator = (timedBody as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const read = async (bytes: readonly number[]) => {
      const next = iterator.next();
      while (chunks.length === 0) await Promise.resolve();
      chunks.shift()!.resolve(new Uint8Array(bytes));
      await next;
    };
    return { iterator, read };
  }

  const message = [0, 0, 0, 0, 2, 7, 7];

  test("the quiet between them is not counted", async () => {
    const clock = new ManualClock();
    const { read } = exchange(clock);
    for (let round = 0; round < 3; round++) {
      clock.advance(1000);
      await read(message);
      expect(clock.pendingTimerCount).toBe(0);
    }
    await read([...message, 0, 0, 0, 0, 0]);
    expect(clock.pendingTimerCount).toBe(0);
  });

  test.each([
    ["inside its prefix", [0]],
    ["inside its content", [0, 0, 0, 0, 2, 7]],
    ["behind a whole one", [...message, 0, 0, 0, 0, 9]],
  ])("one that stops %s is given up", async (_, bytes) => {
    const clock = new ManualClock();
    const { iterator, read } = exchange(clock);
    await read(bytes);
    const next = failureOf(iterator.next());
    clock.advance(100);
    expect(ConnectError.from(await next).code).toBe(Code.DeadlineExceeded);
  });

  test("each has its own time", async () => {
    const clock = new ManualClock();
    const { read } = exchange(clock);
    for (let round = 0; round < 3; round++) {
      await read(message.slice(0, 3));
      clock.advance(60);
      await read([...message.slice(3), 0]);
      clock.advance(60);
      await read(message.slice(1));
    }
    expect(clock.pendingTimerCount).toBe(0);
  });
});

test("a body that is no stream passes", () => {
  expect(withReadTimeout({ a: 1 }, { clock: new ManualClock(), readTimeoutMs: 1 })).toEqual({ a: 1 });
});
