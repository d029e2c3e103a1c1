import { expect, test } from "bun:test";
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

test("a body that is no stream passes", () => {
  expect(withReadTimeout({ a: 1 }, { clock: new ManualClock(), readTimeoutMs: 1 })).toEqual({ a: 1 });
});
