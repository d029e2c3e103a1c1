import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import { Replicator } from "../../../src/migration/replicate.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { FakePeer } from "../../support/fake-peer.ts";
import { testNode } from "../../support/test-node.ts";
import { until } from "../../support/until.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const clock = (nodeId: string, timestamp: bigint) => [{ nodeId, timestamp }];
const never = new AbortController().signal;
const keyAt = (i: number) => `k${String(i).padStart(5, "0")}`;
const whole = { tenantId: "t", keys: [], startKey: "", endKey: "" };

function setUp() {
  const source = testNode();
  const peer = new FakePeer();
  const replicator = new Replicator({
    node: () => source.node,
    peers: peer,
    clock: source.clock,
    random: seededRandom(1),
  });
  const fill = async (count: number, valueBytes = 1) => {
    const value = new Uint8Array(valueBytes);
    for (let i = 0; i < count; i++) await source.node.write("t", keyAt(i), value, clock("c", 1n));
  };
  return { ...source, peer, replicator, fill };
}

const failureOf = async (work: Promise<unknown>): Promise<StorageError> => {
  const failure: unknown = await work.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(StorageError);
  return failure as StorageError;
};

describe("a range", () => {
  test("arrives with every version, deletions and clocks, and nothing from beyond it", async () => {
    const { node, peer, replicator } = setUp();
    await node.write("t", "a", bytes("before"), clock("c", 1n));
    await node.write("t", "b", bytes("left"), clock("c", 1n));
    await node.write("t", "b", bytes("right"), clock("d", 2n));
    await node.delete("t", "c", clock("c", 5n));
    await node.write("t", "d", bytes("behind"), clock("c", 1n));
    await node.write("u", "b", bytes("another tenant's"), clock("c", 1n));
    const result = await replicator.replicate({ ...whole, startKey: "b", endKey: "d" }, "peer", never);
    expect(result).toEqual({
      keysReplicated: 2,
      deletedKeysLeftCount: 0,
      deletedKeysLeft: [],
      siblingsLeftCount: 0,
    });
    const told = peer.records.map(({ tenantId, key, versions }) => [
      tenantId,
      key,
      versions.map((version) => [
        new TextDecoder().decode(version.value.copy()),
        version.clock.map(({ nodeId, timestamp }) => `${nodeId}${timestamp}`).join(),
        version.isTombstone,
        version.timestampSeconds,
      ]),
    ]);
    const seconds = 1_700_000_000;
    expect(told).toEqual([
      [
        "t",
        "b",
        [
          ["right", "d2", false, seconds],
          ["left", "c1", false, seconds],
        ],
      ],
      ["t", "c", [["", "c5", true, seconds]]],
    ]);
    expect(peer.isClosed).toBe(true);
  });

  test("of many keys goes a few chunks at a time, each key once", async () => {
    const { peer, replicator, fill } = setUp();
    await fill(300, 8 * 1024);
    const { keysReplicated } = await replicator.replicate(whole, "peer", never);
    expect(keysReplicated).toBe(300);
    expect(peer.records.map(({ key }) => key).sort()).toEqual(
      Array.from({ length: 300 }, (_, i) => keyAt(i)),
    );
  });

  test("reads no further while the peer does not acknowledge", async () => {
    const { peer, replicator, fill } = setUp();
    await fill(300, 8 * 1024);
    let asked = 0;
    const stalled = Promise.withResolvers<void>();
    peer.onWrite = async (records) => {
      asked += records.length;
      await stalled.promise;
    };
    const replicated = replicator.replicate(whole, "peer", never);
    await until(() => peer.mostAtOnce >= 4);
    // Turns in which it could read on.
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    // Four chunks of 128 KiB.
    expect([asked, peer.mostAtOnce]).toEqual([4 * 15, 4]);
    stalled.resolve();
    expect((await replicated).keysReplicated).toBe(300);
  });

  test("goes on with a new view where one grew too old", async () => {
    const { store, peer, replicator, fill } = setUp();
    await fill(100, 8 * 1024);
    let viewCount = 0;
    let moves = 0;
    const view = store.view.bind(store);
    store.view = () => {
      viewCount++;
      store.viewError = undefined;
      const opened = view();
      const cursor: typeof opened.cursor = (...range) => {
        const made = opened.cursor(...range);
        const next = made.next.bind(made);
        made.next = () => {
          // In the middle of a chunk.
          if (++moves === 40) store.viewError = new StorageError("ABORTED", "the view grew too old");
          next();
        };
        return made;
      };
      return { ...opened, cursor };
    };
    expect((await replicator.replicate(whole, "peer", never)).keysReplicated).toBe(100);
    expect(peer.records.map(({ key }) => key)).toEqual(Array.from({ length: 100 }, (_, i) => keyAt(i)));
    expect([viewCount, store.openViewCount]).toEqual([2, 0]);
  });

  test("that cannot be read ends with the reason, and tells how far it came", async () => {
    const { store, peer, replicator, fill } = setUp();
    await fill(100, 8 * 1024);
    peer.onWrite = async () => {
      store.viewError = new StorageError("RESOURCE_EXHAUSTED", "too many views");
    };
    const failure = await failureOf(replicator.replicate(whole, "peer", never));
    expect(failure).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    expect(Number(failure.details["keys_replicated"])).toBe(peer.records.length);
    expect([peer.isClosed, store.openViewCount]).toEqual([true, 0]);
  });
});

describe("a list of keys", () => {
  test("arrives, each once, without those that are not there", async () => {
    const { node, peer, replicator, fill } = setUp();
    await fill(300, 8 * 1024);
    await node.delete("t", keyAt(7), clock("c", 2n));
    const keys = [...Array.from({ length: 300 }, (_, i) => keyAt(i)), keyAt(1), "none"];
    const result = await replicator.replicate({ ...whole, keys }, "peer", never);
    expect(result.keysReplicated).toBe(300);
    expect(new Set(peer.records.map(({ key }) => key)).size).toBe(300);
    expect(peer.records.find(({ key }) => key === keyAt(7))?.versions[0]?.isTombstone).toBe(true);
  });

  test("holds a bounded number of bytes, whatever its keys hold", async () => {
    const { peer, replicator, fill } = setUp();
    await fill(20, 200 * 1024);
    const sizes: number[] = [];
    peer.onWrite = async (records) => void sizes.push(records.length);
    const keys = Array.from({ length: 20 }, (_, i) => keyAt(i));
    expect((await replicator.replicate({ ...whole, keys }, "peer", never)).keysReplicated).toBe(20);
    expect(sizes).toEqual(Array(20).fill(1));
  });
});

describe("a peer that fails", () => {
  const unavailable = () => new StorageError("UNAVAILABLE", "down");

  test("is asked again with all of the chunk, and counted once", async () => {
    const { clock: time, peer, replicator, fill } = setUp();
    await fill(10);
    let tries = 0;
    peer.onWrite = async () => {
      if (++tries >= 3) return;
      setTimeout(() => time.advance(1000), 0);
      throw unavailable();
    };
    expect((await replicator.replicate(whole, "peer", never)).keysReplicated).toBe(10);
    expect(tries).toBe(3);
  });

  test("for too long ends it, with the key from which to go on", async () => {
    const { clock: time, peer, replicator, fill } = setUp();
    await fill(100, 8 * 1024);
    const first = Promise.withResolvers<void>();
    peer.onWrite = async (records) => {
      if (records[0]!.key === keyAt(0)) return first.resolve();
      await first.promise;
      setTimeout(() => time.advance(11_000), 0);
      throw unavailable();
    };
    const failure = await failureOf(replicator.replicate(whole, "peer", never));
    const storedCount = peer.records.length;
    expect(failure).toMatchObject({
      code: "UNAVAILABLE",
      message: `down; ${storedCount} keys were replicated before`,
      details: { keys_replicated: String(storedCount), resume_key: keyAt(storedCount) },
    });
    expect(peer.isClosed).toBe(true);
  });

  test("is told no more once the caller has left", async () => {
    const { clock: time, peer, replicator, fill } = setUp();
    await fill(10);
    const left = new AbortController();
    let tries = 0;
    peer.onWrite = async () => {
      tries++;
      setTimeout(() => left.abort(new StorageError("ABORTED", "the caller left")), 0);
      throw unavailable();
    };
    const failure = await failureOf(replicator.replicate(whole, "peer", left.signal));
    expect(failure.message).toContain("the caller left");
    expect([tries, time.pendingTimerCount, peer.isClosed]).toEqual([1, 0, true]);
  });
});

test("what a peer could not be told is counted, and some of it named", async () => {
  const { peer, replicator, fill } = setUp();
  await fill(300, 8 * 1024);
  peer.outcome = (records) => ({
    keysWritten: 0,
    deletedKeysLeft: records.map(({ key }) => key),
    siblingsLeft: 2,
  });
  const result = await replicator.replicate(whole, "peer", never);
  expect([result.keysReplicated, result.deletedKeysLeftCount, result.deletedKeysLeft.length]).toEqual([
    0, 300, 100,
  ]);
  expect(result.siblingsLeftCount).toBeGreaterThan(2);
});

test("there are only so many at a time", async () => {
  const { peer, replicator, fill } = setUp();
  await fill(1);
  const stalled = Promise.withResolvers<void>();
  peer.onWrite = () => stalled.promise;
  const others = Array.from({ length: 8 }, () => replicator.replicate(whole, "peer", never));
  const failure = await failureOf(replicator.replicate(whole, "peer", never));
  expect(failure).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  stalled.resolve();
  await Promise.all(others);
  expect((await replicator.replicate(whole, "peer", never)).keysReplicated).toBe(1);
});

test.each([
  [{ startKey: "b", endKey: "a" }, "behind its end"],
  [{ startKey: "a", keys: ["k"] }, "both keys and a range"],
  [{ keys: ["k", ""] }, "keys[1]: the key is empty"],
  [{ tenantId: "a:b" }, '":"'],
  [{ startKey: "\u0000" }, "control character"],
])("%j is refused before anybody is called", async (wrong, message) => {
  const { peer, replicator } = setUp();
  peer.connect = () => Promise.reject(new Error("was called"));
  expect((await failureOf(replicator.replicate({ ...whole, ...wrong }, "peer", never))).message).toContain(
    message,
  );
});
