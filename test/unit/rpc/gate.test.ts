import { describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { StorageError } from "../../../src/base/errors.ts";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { StorageNodeService } from "../../../src/gen/storage/storage_node_pb.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import type { Call } from "../../../src/rpc/call.ts";
import { Gate } from "../../../src/rpc/gate.ts";
import { type FinishedCall, silentRpcObserver } from "../../../src/rpc/observer.ts";
import { unlimitedAccess, unlimitedAdmission } from "../../support/everyone.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { failureOf } from "../../support/rpc-clients.ts";

const { read, scan } = StorageNodeService.method;

const request = { header: () => null, headers: () => new Headers(), peer: undefined, timeoutMs: undefined };

function testGate(alwaysOpen: ReadonlySet<string> = new Set()) {
  const clock = new ManualClock();
  const finished: FinishedCall[] = [];
  const failed: unknown[] = [];
  const rejected: string[] = [];
  const gate = new Gate({
    access: unlimitedAccess,
    admission: unlimitedAdmission(),
    clock,
    random: seededRandom(7),
    alwaysOpen,
    observer: {
      ...silentRpcObserver,
      callFinished: (call) => finished.push(call),
      callFailed: (...failure) => failed.push(failure),
      requestRejected: (reason) => rejected.push(reason),
    },
  });
  return { gate, clock, finished, failed, rejected };
}

function openGate() {
  const all = testGate();
  all.gate.open();
  return all;
}

const stopping = new ConnectError("stopping", Code.Unavailable);

/** Whether the promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe("Gate", () => {
  test("is closed until it is opened, and again once it is closed", () => {
    const { gate, rejected } = testGate();
    expect(() => gate.entrance(read).admit(request)).toThrow("the node is starting");
    gate.open();
    gate.entrance(read).admit(request).end(undefined);
    gate.close(new StorageError("UNAVAILABLE", "draining", { details: { reason: "NODE_DRAINING" } }));
    expect(() => gate.entrance(read).admit(request)).toThrow("draining");
    expect(rejected).toEqual(["not_serving", "not_serving"]);
  });

  test("tells when calls are through, and how many there were", async () => {
    const { gate } = openGate();
    await gate.whenIdle();
    const [unary, stream] = [gate.entrance(read).admit(request), gate.entrance(scan).admit(request)];
    const idle = gate.whenIdle();
    unary.end(undefined);
    unary.end(undefined);
    expect(await isSettled(idle)).toBe(false);
    stream.end(undefined);
    await idle;
    expect(gate.admittedCount).toBe(2);
  });

  test("interrupts endless calls alone, or all", async () => {
    const { gate } = openGate();
    const never = new Promise<never>(() => undefined);
    const [finite, endless] = [gate.entrance(scan).admit(request), gate.entrance(scan, true).admit(request)];
    const waits = [finite.wait(never), endless.wait(never)];
    gate.interruptEndless(stopping);
    expect(await failureOf(waits[1]!)).toBe(stopping);
    expect(await failureOf(gate.entrance(scan, true).admit(request).wait(never))).toBe(stopping);
    expect(await isSettled(waits[0]!)).toBe(false);
    gate.interruptAll(stopping);
    expect(await failureOf(waits[0]!)).toBe(stopping);
  });

  test("lets those services in that need no open node", () => {
    const { gate } = testGate(new Set([StorageNodeService.typeName]));
    expect(gate.isOpen).toBe(false);
    gate.entrance(read).admit(request);
    expect(() => gate.entrance(Health.method.check).admit(request)).toThrow("the node is starting");
  });
});

describe("Call", () => {
  test("is reported once, with its time and the bytes of its values", () => {
    const { gate, clock, finished } = openGate();
    const call = gate.entrance(read).admit(request);
    call.valueBytes += 5;
    clock.advance(3);
    call.answered();
    call.end(undefined);
    call.end(stopping);
    expect(finished).toEqual([
      { method: "Read", status: "OK", isOwnFault: false, durationMs: 3, valueBytes: 5 },
    ]);
  });

  test.each([
    ["a failure is its status", false, new ConnectError("x", Code.DataLoss), "DATA_LOSS"],
    [
      "a failure after the answer too",
      true,
      new ConnectError("x", Code.ResourceExhausted),
      "RESOURCE_EXHAUSTED",
    ],
    [
      "leaving before the answer is a cancellation",
      false,
      new DOMException("gone", "AbortError"),
      "CANCELLED",
    ],
    ["leaving after it is none", true, new DOMException("gone", "AbortError"), "OK"],
  ] as const)("%s", (_, isAnswered, reason, status) => {
    const { gate, finished } = openGate();
    const call = gate.entrance(read).admit(request);
    if (isAnswered) call.answered();
    call.end(reason);
    expect(finished.map((each) => each.status)).toEqual([status]);
  });

  test.each([
    [new StorageError("RESOURCE_EXHAUSTED", "flushes fail"), true],
    [new StorageError("RESOURCE_EXHAUSTED", "above the rate", { isCallersFault: true }), false],
    [new StorageError("INVALID_KEY", "no key"), false],
    [new ConnectError("the message is too large", Code.ResourceExhausted), false],
    [new StorageError("UNAVAILABLE", "closing"), true],
    [new Error("a bug"), true],
  ])("fails through its own fault or not: %#", (error, isOwnFault) => {
    const { gate, finished } = openGate();
    const call = gate.entrance(read).admit(request);
    call.end(call.failure(error));
    expect(finished).toMatchObject([{ isOwnFault }]);
  });

  test("has one id, and others have others", () => {
    const { gate } = openGate();
    const [a, b] = [gate.entrance(read).admit(request), gate.entrance(read).admit(request)];
    expect(a.requestId).toMatch(/^[0-9a-f]{16}$/);
    expect(a.requestId).toBe(a.requestId);
    expect(b.requestId).not.toBe(a.requestId);
  });

  test("gives back what it waited for, and throws what that threw", async () => {
    const call = openGate().gate.entrance(read).admit(request);
    expect(await call.wait(1)).toBe(1);
    expect(await call.wait(Promise.resolve(2))).toBe(2);
    const thrown = new StorageError("INVALID_KEY", "m");
    expect(await failureOf(call.wait(Promise.reject(thrown)))).toBe(thrown);
  });

  test("waits for nothing once it was interrupted or has ended, and the first interruption counts", async () => {
    const { gate } = openGate();
    const interrupted = gate.entrance(read).admit(request);
    interrupted.interrupt(stopping);
    interrupted.interrupt(new ConnectError("later", Code.Canceled));
    expect(await failureOf(interrupted.wait(Promise.resolve(1)))).toBe(stopping);
    const ended = gate.entrance(read).admit(request);
    const waiting = ended.wait(new Promise(() => undefined));
    ended.end(new DOMException("gone", "AbortError"));
    expect(ConnectError.from(await failureOf(waiting)).code).toBe(Code.Canceled);
  });

  test("lets work fail for which it does not wait any more", async () => {
    const call = openGate().gate.entrance(read).admit(request);
    call.interrupt(stopping);
    const failing = () => Promise.reject(new StorageError("INVALID_KEY", "m"));
    expect(await failureOf(call.wait(failing()))).toBe(stopping);
    const heard = Promise.withResolvers<unknown>();
    call.hear(failing(), () => undefined, heard.resolve);
    expect(await heard.promise).toBe(stopping);
    // A rejection that nobody handles would fail this test by now.
    await Bun.sleep(0);
  });

  test("reports a failure that its caller may not see, and no other", () => {
    const { gate, failed } = openGate();
    const call = gate.entrance(read).admit(request);
    call.failure(new StorageError("INVALID_KEY", "m"));
    expect(failed).toEqual([]);
    const thrown = new StorageError("SSTABLE_FAILED", "m");
    call.failure(thrown);
    expect(failed).toEqual([["Read", call.requestId, thrown, "SSTABLE_FAILED"]]);
    call.end(undefined);
    call.failure(thrown);
    expect(failed.length).toBe(1);
  });
});

describe("Call.each", () => {
  function counting() {
    const state = { isReleased: false };
    async function* source(): AsyncGenerator<number, void, void> {
      try {
        for (let i = 1; ; i++) yield i;
      } finally {
        state.isReleased = true;
      }
    }
    return { state, source: source() };
  }

  async function take(call: Call, source: AsyncGenerator<number, void, void>, count: number) {
    const items = call.each(source);
    const taken: unknown[] = [];
    while (taken.length < count) taken.push((await items.next()).value);
    return { items, taken };
  }

  test("passes items on and ends with its source", async () => {
    const call = openGate().gate.entrance(scan).admit(request);
    async function* two() {
      yield 1;
      yield 2;
    }
    expect(await Array.fromAsync(call.each(two()))).toEqual([1, 2]);
  });

  test("throws the interruption at the next item", async () => {
    const call = openGate().gate.entrance(scan).admit(request);
    const { items, taken } = await take(call, counting().source, 2);
    expect(taken).toEqual([1, 2]);
    call.interrupt(stopping);
    expect(await failureOf(items.next())).toBe(stopping);
  });

  test("the source is released that is begun after the end of the call", async () => {
    const call = openGate().gate.entrance(scan).admit(request);
    const { state, source } = counting();
    call.end(new DOMException("gone", "AbortError"));
    expect(ConnectError.from(await failureOf(call.each(source).next())).code).toBe(Code.Canceled);
    while (!state.isReleased) await Bun.sleep(0);
  });

  test("the source is released when the call ends, though nobody asks for another item", async () => {
    const call = openGate().gate.entrance(scan).admit(request);
    const { state, source } = counting();
    await take(call, source, 1);
    expect(state.isReleased).toBe(false);
    call.end(new DOMException("gone", "AbortError"));
    await Promise.resolve();
    expect(state.isReleased).toBe(true);
  });
});
