import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { keyHash } from "../../../../src/versions/key-hash.ts";
import { contentsOf, keysNotContained } from "../../../support/streams/contents.ts";
import {
  halfRing,
  noTrouble,
  StreamWorld,
  targetOf,
  WorldNode,
  wholeRing,
  worldOptions,
} from "../../../support/streams/stream-world.ts";

const encoder = new TextEncoder();

async function write({ node, nodeId }: WorldNode, from: number, to: number, round = 1n): Promise<void> {
  for (let index = from; index < to; index++) {
    const clock = [{ nodeId: `c-${nodeId}`, timestamp: round }];
    const key = `key-${String(index).padStart(5, "0")}`;
    if (index % 7 === 3) await node.delete("t", key, clock);
    else await node.write("t", key, encoder.encode(`${nodeId} ${index} ${round}`), clock);
  }
}

const inHalfRing = (key: string) => {
  const at = key.indexOf(":");
  return keyHash(key.slice(0, at), key.slice(at + 1)) >= 2n ** 63n;
};

describe("a stream", () => {
  test("copies, follows, compares and completes, and goes on following", async () => {
    const world = await StreamWorld.create();
    await write(world.source, 0, 600);
    expect(await world.start()).toEqual({ success: true, message: "streaming to target has begun" });
    await write(world.source, 500, 700, 2n);
    await world.whenState("completed");
    expect(world.events.filter((event) => event.startsWith("phase"))).toEqual([
      "phase streaming",
      "phase syncing",
      "phase completed",
    ]);
    await untilContained(world);
    await write(world.source, 650, 800, 3n);
    await untilContained(world);
    expect(world.report?.counts.keysCopied).toBeGreaterThanOrEqual(500);
    expect(world.report?.counts.keysStreamed).toBeGreaterThanOrEqual(150);
    await world.close();
  });

  test("moves the keys of its ranges alone, tombstones and siblings too", async () => {
    const world = await StreamWorld.create();
    await write(world.source, 0, 300);
    await world.source.node.write("t", "key-00001", encoder.encode("other"), [
      { nodeId: "z", timestamp: 1n },
    ]);
    await world.start(halfRing);
    await world.whenState("completed");
    const [here, there] = [await contentsOf(world.source.node), await contentsOf(world.target.node)];
    expect([...there.keys()]).toEqual([...here.keys()].filter(inHalfRing));
    for (const [key, record] of there) expect(record).toEqual(here.get(key)!);
    await world.close();
  });

  test("keeps within a bound what is on its way, however slow the target is", async () => {
    const world = await StreamWorld.create();
    world.peer.trouble = {
      ...noTrouble,
      before: () => new Promise((resolve) => setTimeout(resolve, 1)),
    };
    await write(world.source, 0, 1300);
    await world.start();
    await world.whenState("completed");
    expect(world.peer.underWay.mostCount).toBeLessThanOrEqual(8);
    expect(world.peer.underWay.mostCount).toBeGreaterThan(1);
    expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);
    await world.close();
  });

  test("goes on where it was after a restart of the source, in whatever phase", async () => {
    const world = await StreamWorld.create();
    await write(world.source, 0, 2500);
    await world.start();
    for (const end of ["restart", "kill"] as const) {
      for (let phase = 0; phase < 3; phase++) {
        await write(world.source, 100 * phase, 100 * phase + 90, BigInt(2 + phase));
        if (end === "kill") await world.killSource();
        else await world.restartSource();
      }
    }
    await world.whenState("completed");
    expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);
    await world.restartSource();
    expect(world.state).toBe("completed");
    await write(world.source, 0, 40, 9n);
    await untilContained(world);
    await world.close();
  });

  test("waits for a target that is down, fails with the reason, and recovers by itself", async () => {
    const world = await StreamWorld.create();
    let isDown = true;
    world.peer.trouble = {
      ...noTrouble,
      async before() {
        if (isDown) throw new StorageError("UNAVAILABLE", "nobody answers");
      },
    };
    await write(world.source, 0, 300);
    await world.start();
    await world.whenState("failed");
    expect(world.report).toMatchObject({
      isActive: false,
      isEnded: false,
      failure: { reason: "nobody answers" },
    });
    isDown = false;
    await world.whenState("completed");
    expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);
    isDown = true;
    await write(world.source, 0, 20, 2n);
    await world.whenState("failed");
    isDown = false;
    await world.whenState("completed");
    await untilContained(world);
    await world.close();
  });

  test("is given up after an hour, and can be started again", async () => {
    const world = await StreamWorld.create();
    world.peer.trouble = {
      ...noTrouble,
      async before() {
        throw new StorageError("DISK_FULL", "no room");
      },
    };
    await write(world.source, 0, 30);
    await world.start();
    for (let turn = 0; world.report?.isEnded !== true && turn < 100_000; turn++) await nextTurn();
    expect(world.report).toMatchObject({ state: "failed", isEnded: true, failure: { reason: "no room" } });
    expect(world.source.engine.followedLog.holderNames()).toEqual([]);
    expect(world.streams.activeStreams()).toMatchObject([{ targetNodeId: "target", state: "failed" }]);
    world.peer.trouble = noTrouble;
    expect((await world.start()).success).toBe(true);
    await world.whenState("completed");
    expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);
    await world.close();
  });

  test("does not take the word of a target that keeps nothing", async () => {
    const world = await StreamWorld.create();
    world.peer.trouble = { ...noTrouble, isLying: () => true };
    await write(world.source, 0, 200);
    await world.start();
    await world.whenState("failed", "completed");
    expect(world.report?.failure?.reason).toMatch(/^target lacks 200 keys or more that it has acknowledged/);
    world.peer.trouble = noTrouble;
    await world.whenState("completed");
    expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);
    await world.close();
  });

  test("compares anew where its place in the log is lost", async () => {
    const world = await StreamWorld.create({ source: worldOptions(8000) });
    await write(world.source, 0, 50);
    await world.start();
    await world.whenState("completed");
    const stuck = Promise.withResolvers<void>();
    world.peer.trouble = { ...noTrouble, before: () => stuck.promise };
    await write(world.source, 0, 300, 2n);
    await world.source.engine.flush();
    expect(world.source.engine.followedLog.holderNames()).toEqual([]);
    stuck.reject(new StorageError("UNAVAILABLE", "the connection broke"));
    world.peer.trouble = noTrouble;
    await untilContained(world);
    await world.whenState("completed");
    expect(world.events.filter((event) => event.startsWith("placeLost"))).toHaveLength(1);
    expect(world.report?.counts.keysRepaired).toBeGreaterThan(0);
    await world.close();
  });

  test("compares anew also where the place that it lost could not be recorded", async () => {
    const world = await StreamWorld.create({ source: worldOptions(8000) });
    await write(world.source, 0, 50);
    await world.start();
    await world.whenState("completed");
    await world.streams.close();
    const files = new FaultFileSystem(world.source.files);
    await world.openStreams(files);
    const stuck = Promise.withResolvers<void>();
    world.peer.trouble = { ...noTrouble, before: () => stuck.promise };
    await write(world.source, 0, 300, 2n);
    await world.source.engine.flush();
    let failureCount = 0;
    files.injector = ({ kind, path }) =>
      kind === "sync" && path.includes("STREAMS") && failureCount++ === 0 ? "ENOSPC" : undefined;
    stuck.reject(new StorageError("UNAVAILABLE", "the connection broke"));
    world.peer.trouble = noTrouble;
    await untilContained(world);
    await world.whenState("completed");
    expect(failureCount).toBeGreaterThan(1);
    expect(world.events.filter((event) => event.startsWith("placeLost"))).toHaveLength(1);
    await world.close();
  });

  test("ends with what the target holds of its own left alone", async () => {
    const world = await StreamWorld.create();
    await write(world.target, 100, 400);
    await write(world.source, 0, 300);
    await world.start();
    await world.whenState("completed");
    expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);
    expect((await contentsOf(world.target.node)).get("t:key-00399")).toHaveLength(1);
    expect((await contentsOf(world.target.node)).get("t:key-00200")).toHaveLength(2);
    await world.close();
  });

  test("does not resurrect what was deleted while it copied", async () => {
    const world = await StreamWorld.create();
    await write(world.source, 0, 200);
    await world.start();
    for (let index = 0; index < 200; index += 2) {
      await world.source.node.delete("t", `key-${String(index).padStart(5, "0")}`, [
        { nodeId: "c-source", timestamp: 5n },
      ]);
    }
    await world.whenState("completed");
    await untilContained(world);
    const there = await contentsOf(world.target.node);
    for (let index = 0; index < 200; index += 2) {
      const record = there.get(`t:key-${String(index).padStart(5, "0")}`);
      expect(record?.map(({ isTombstone }) => isTombstone)).toEqual([true]);
    }
    await world.close();
  });
});

describe("what coordinators ask for", () => {
  const start = (world: StreamWorld, changes: object) =>
    world.streams.start({
      sourceNodeId: "source",
      target: targetOf("target"),
      ranges: wholeRing,
      ...changes,
    });

  test("is answered in-band where it cannot be done", async () => {
    const world = await StreamWorld.create();
    const refusals: [object, string][] = [
      [{ sourceNodeId: "other" }, 'source_node_id is "other", and this node is "source"'],
      [{ target: targetOf("source") }, "a node cannot stream to itself"],
      [{ target: targetOf("") }, "target_node_id is empty"],
      [{ target: targetOf("nobody") }, "nobody is not known"],
      [{ ranges: [] }, "no hash range is given"],
      [{ ranges: [...wholeRing, { start: 1n, end: 2n }] }, "overlap"],
    ];
    for (const [changes, message] of refusals) {
      const answer = await start(world, changes);
      expect(answer).toEqual({ success: false, message: expect.stringContaining(message) });
    }
    expect(world.streams.list()).toEqual([]);
    await world.close();
  });

  test("a second start of the same stream finds it there, one of other ranges is refused", async () => {
    const world = await StreamWorld.create();
    await start(world, {});
    expect(await start(world, {})).toMatchObject({
      success: true,
      message: expect.stringContaining("already"),
    });
    expect(await start(world, { ranges: halfRing })).toMatchObject({ success: false });
    await world.whenState("completed");
    expect(await start(world, {})).toMatchObject({
      success: true,
      message: "already streaming to target: completed",
    });
    await world.close();
  });

  test("a start of the same stream at another address goes on there, and compares anew", async () => {
    const world = await StreamWorld.create();
    await write(world.source, 0, 100);
    await start(world, {});
    await world.whenState("completed");
    // Somebody else was there.
    const { engine } = world.target;
    world.target = await WorldNode.open(new MemoryFileSystem(), "target", worldOptions());
    await engine.close();
    expect(await start(world, { target: targetOf("target", "10.0.0.3") })).toEqual({
      success: true,
      message: "streaming to target goes on at another address",
    });
    await write(world.source, 50, 150, 2n);
    await world.whenState("completed");
    await untilContained(world);
    expect(world.peer.host).toBe("10.0.0.3");
    expect(world.events).toContain("moved 10.0.0.3");
    await world.restartSource();
    expect(world.report?.target.host).toBe("10.0.0.3");
    await world.close();
  });

  test("a stream stays where it is when it may not, or cannot be noted to, go on at another address", async () => {
    const world = await StreamWorld.create();
    const files = new FaultFileSystem(world.source.files);
    await world.openStreams(files);
    await start(world, {});
    await world.whenState("completed");
    world.peer.forbiddenHost = "10.0.0.3";
    expect(await start(world, { target: targetOf("target", "10.0.0.3") })).toEqual({
      success: false,
      message: "not known at 10.0.0.3",
    });
    files.injector = ({ kind, path }) => (kind === "sync" && path.includes("STREAMS") ? "ENOSPC" : undefined);
    expect(await start(world, { target: targetOf("target", "10.0.0.4") })).toEqual({
      success: false,
      message: expect.stringContaining("the list of streams could not be saved"),
    });
    files.injector = () => undefined;
    expect(world.report?.target.host).toBe("10.0.0.2");
    await write(world.source, 0, 20);
    await untilContained(world);
    expect([world.state, world.peer.host]).toEqual(["completed", "10.0.0.2"]);
    await world.close();
  });

  test.each(["stop", "notifyComplete"] as const)(
    "%s waits until the target has what was written before",
    async (end) => {
      const world = await StreamWorld.create();
      await start(world, {});
      await world.whenState("completed");
      const gate = holdBack(world);
      await write(world.source, 0, 20);
      const ended = world.streams[end]({ sourceNodeId: "source", targetNodeId: "target" });
      for (let turn = 0; turn < 10; turn++) await nextTurn();
      gate.resolve();
      expect(await ended).toEqual({ success: true, message: expect.not.stringContaining("last writes") });
      expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);
      await world.close();
    },
  );

  test("a target that does not take the last writes: a stop says so, and it cannot have taken over", async () => {
    const world = await StreamWorld.create();
    const key = { sourceNodeId: "source", targetNodeId: "target" };
    await start(world, {});
    await world.whenState("completed");
    const gate = holdBack(world);
    await write(world.source, 0, 20);
    const lacking = "the target has not acknowledged the last writes within 5 s";
    expect(await world.streams.notifyComplete(key)).toEqual({
      success: false,
      message: `the stream goes on, since ${lacking}`,
    });
    gate.resolve();
    expect(await world.streams.notifyComplete(key)).toMatchObject({ success: true });
    expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);

    await start(world, {});
    await world.whenState("completed");
    holdBack(world);
    await write(world.source, 0, 20, 2n);
    expect(await world.streams.stop(key)).toEqual({
      success: true,
      message: `the stream to target is stopped, and ${lacking}`,
    });
    expect(world.events.at(-1)).toBe(`ended stopped, and ${lacking}`);
    await world.close();
  });

  test("a stop ends a stream, also one that is not there, and lets go of the log", async () => {
    const world = await StreamWorld.create();
    const key = { sourceNodeId: "source", targetNodeId: "target" };
    expect(await world.streams.stop(key)).toMatchObject({ success: true });
    await start(world, {});
    await world.whenState("completed");
    expect(world.source.engine.followedLog.holderNames()).toEqual(["stream:target"]);
    expect(await world.streams.stop(key)).toMatchObject({ success: true });
    expect(world.state).toBe("not_found");
    expect(world.source.engine.followedLog.holderNames()).toEqual([]);
    await world.restartSource();
    expect(world.state).toBe("not_found");
    expect(await start(world, { ranges: halfRing })).toMatchObject({ success: true });
    await world.whenState("completed");
    await world.close();
  });

  test("how far the target has what was written, after a restart too", async () => {
    const world = await StreamWorld.create();
    await start(world, {});
    await world.whenState("completed");
    const isBehind = () =>
      world.streams.activeStreams()[0]!.acknowledgedSequence < world.source.engine.status().lastSequence;
    world.peer.trouble = { ...noTrouble, before: () => Promise.reject(new StorageError("UNAVAILABLE", "")) };
    await write(world.source, 0, 20);
    for (const restart of [() => world.restartSource(), () => world.killSource()]) {
      await restart();
      expect([world.state, isBehind()]).toEqual(["completed", true]);
    }
    world.peer.trouble = noTrouble;
    for (let turn = 0; isBehind() && turn < 100_000; turn++) await nextTurn();
    expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);
    await world.close();
  });

  test("a completed stream ends when the target has taken over, and is remembered", async () => {
    const world = await StreamWorld.create();
    const key = { sourceNodeId: "source", targetNodeId: "target" };
    expect(await world.streams.notifyComplete(key)).toEqual({
      success: false,
      message: "there is no stream to target",
    });
    await start(world, {});
    await world.whenState("completed");
    expect(world.streams.activeStreams()).toMatchObject([{ targetNodeId: "target", state: "completed" }]);
    expect(await world.streams.notifyComplete(key)).toMatchObject({ success: true });
    expect(world.report).toMatchObject({ state: "completed", isActive: false });
    expect(world.streams.activeStreams()).toEqual([]);
    await world.restartSource();
    expect(world.report).toMatchObject({ state: "completed", isActive: false });
    await world.close();
  });

  test("of another source there is no stream", async () => {
    const world = await StreamWorld.create();
    await start(world, {});
    expect(world.streams.status({ sourceNodeId: "other", targetNodeId: "target" })).toBeUndefined();
    await world.close();
  });
});

test("a damaged list of streams is kept aside, told, and lets go of the log", async () => {
  const world = await StreamWorld.create();
  await world.start();
  await world.whenState("completed");
  await world.streams.close();
  const file = world.source.files.open("/data/STREAMS", "write");
  file.writeAt(new Uint8Array([0x20]), 60);
  file.close();
  await world.openStreams();
  expect(world.streams.list()).toEqual([]);
  expect(world.events).toContain("damaged /data/lost/STREAMS");
  expect(world.source.engine.followedLog.holderNames()).toEqual([]);
  await world.close();
});

/** What is written to the target waits there for the gate, and is not stored where its call has ended by then. */
function holdBack({ peer }: StreamWorld): PromiseWithResolvers<void> {
  const gate = Promise.withResolvers<void>();
  const before: StreamWorld["peer"]["trouble"]["before"] = async (_call, { signal }) => {
    await gate.promise;
    signal.throwIfAborted();
  };
  peer.trouble = { ...noTrouble, before };
  return gate;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Until the target has seen all that the source holds; writes must have ended. */
async function untilContained(world: StreamWorld): Promise<void> {
  for (let look = 0; look < 500; look++) {
    if ((await keysNotContained(world.source.node, world.target.node)).length === 0) return;
    for (let turn = 0; turn < 20; turn++) await nextTurn();
  }
  expect(await keysNotContained(world.source.node, world.target.node)).toEqual([]);
}
