import { describe, expect, test } from "bun:test";
import { Slice } from "../../../src/base/bytes.ts";
import { StorageError } from "../../../src/base/errors.ts";
import { Drain, type DrainStatus } from "../../../src/node/drain.ts";
import { bytesOf, entries } from "../../support/arbitrary-versions.ts";
import { engineStatus } from "../../support/engine-status.ts";
import { testNode } from "../../support/test-node.ts";

const idle = { ...engineStatus, activeMemtableEntryCount: 0, frozenMemtableCount: 0, durableSequence: 12 };
const refused = { code: "UNAVAILABLE", details: { reason: "NODE_DRAINING" } };

function idleNode() {
  const fixture = testNode();
  fixture.store.currentStatus = idle;
  return fixture;
}

const streamThat = (state: string, acknowledgedSequence = 0) => ({ state, acknowledgedSequence });

/** Lets everything run that can. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a draining node", () => {
  test("refuses whatever brings data, in the turn in which it begins, and reads on", async () => {
    const { node, store } = idleNode();
    await node.write("t", "k", bytesOf("one"), entries({ a: 1 }));
    const item = { tenantId: "t", key: "k", clock: entries({ a: 9 }), timestampSeconds: 1 };
    store.closeRoom();
    const waiting = node.write("t", "waiting", bytesOf("x"), entries({ a: 1 }));
    await turn();
    const begun = node.drain.begin();
    store.openRoom();
    const calls = [
      waiting,
      node.write("t", "k", bytesOf("two"), entries({ a: 2 })),
      node.write("t", "k", bytesOf("one"), entries({ a: 1 })),
      node.delete("t", "k", entries({ a: 2 })),
      node.repair("t", "k", bytesOf("two"), entries({ a: 2 })),
      node.writeBatch([{ ...item, value: new Slice(bytesOf("two")), isTombstone: false }]),
      node.writeBatch([{ ...item, value: new Slice(), isTombstone: true }], true),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: refused });
    }
    await begun;
    expect(store.requests).toEqual(["draining true"]);
    expect(await node.read("t", "k")).toMatchObject({ found: true, value: bytesOf("one") });
    expect(await node.read("t", "waiting")).toMatchObject({ found: false });
  });

  test("is drained once all is durable, in tables, and streams are completed", async () => {
    const { node, store, streams, clock } = idleNode();
    expect(node.drain.status()).toEqual({ state: "serving", left: [] });
    store.currentStatus = engineStatus;
    streams.push(streamThat("copying"), streamThat("completed", 12), streamThat("completed", 11));
    const drained = node.drain.drain(10_000);
    await turn();
    expect(store.requests).toEqual(["draining true", "flush"]);
    expect(node.drain.status()).toEqual({
      state: "draining",
      left: [
        "writes are not durable yet",
        "the memtable is not flushed",
        "1 streams are not completed (copying)",
        "1 completed streams have not sent the last writes",
      ],
    });
    store.currentStatus = { ...idle, isDraining: true };
    streams.splice(0, 3, streamThat("completed", 12), streamThat("completed", 11));
    expect(node.drain.status().left).toEqual(["1 completed streams have not sent the last writes"]);
    streams.pop();
    clock.advance(1000);
    expect(await drained).toEqual({ state: "drained", left: [] });
  });

  test("tells at the deadline what is left, and at once where nobody waits or the node stops", async () => {
    const { node, streams, clock } = idleNode();
    streams.push(streamThat("syncing"));
    const draining: DrainStatus = { state: "draining", left: ["1 streams are not completed (syncing)"] };
    expect(await node.drain.drain(0)).toEqual(draining);
    const late = node.drain.drain(150);
    for (let step = 0; step < 3; step++) {
      await turn();
      clock.advance(60);
    }
    expect(await late).toEqual(draining);
    const stopped = node.drain.drain(3_600_000);
    await turn();
    node.drain.stop();
    clock.advance(1000);
    expect(await stopped).toEqual(draining);
  });

  test("goes on after a restart, and takes writes again only when that is recorded", async () => {
    const { store, clock } = idleNode();
    store.currentStatus = { ...idle, isDraining: true };
    const drain = new Drain({ store, clock, activeStreams: () => [] });
    expect(drain.status().state).toBe("drained");
    const recorded = Promise.withResolvers<void>();
    const setDraining = store.setDraining.bind(store);
    store.setDraining = async (isDraining) => {
      await recorded.promise;
      await setDraining(isDraining);
    };
    const ended = drain.end();
    await turn();
    expect(() => drain.check()).toThrow("takes no writes");
    recorded.resolve();
    expect(await ended).toBe(true);
    drain.check();
    expect(await drain.end()).toBe(false);
    expect(store.requests).toEqual(["draining false"]);
  });

  test("is none where that cannot be recorded; a flush that fails is told", async () => {
    const { node, store } = idleNode();
    const setDraining = store.setDraining.bind(store);
    store.setDraining = async () => {
      throw new StorageError("DISK_FULL", "no room");
    };
    await expect(node.drain.drain(0)).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(node.drain.status().state).toBe("serving");
    store.setDraining = setDraining;
    store.currentStatus = engineStatus;
    store.flush = async () => {
      throw new StorageError("DISK_FULL", "no table");
    };
    await expect(node.drain.drain(1000)).rejects.toMatchObject({ message: "no table" });
    expect(node.drain.status().state).toBe("draining");
  });

  test("is not drained before that is recorded", async () => {
    const { node, store } = idleNode();
    const recorded = Promise.withResolvers<void>();
    const setDraining = store.setDraining.bind(store);
    store.setDraining = async (isDraining) => {
      await recorded.promise;
      await setDraining(isDraining);
    };
    const begun = node.drain.begin();
    await turn();
    const left = ["that the node is draining is not recorded yet"];
    expect(node.drain.status()).toEqual({ state: "draining", left });
    recorded.resolve();
    await begun;
    expect(node.drain.status()).toEqual({ state: "drained", left: [] });
  });

  test("that is asked to end while it begins ends", async () => {
    const { node, store } = idleNode();
    const begun = node.drain.begin();
    expect(await node.drain.end()).toBe(true);
    await begun;
    node.drain.check();
    expect(store.currentStatus.isDraining).toBe(false);
  });
});
