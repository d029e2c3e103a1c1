import { describe, expect, test } from "bun:test";
import type { LogFollower, LogPosition } from "../../../../src/engine/commit-log/follower.ts";
import { segmentNumberOf } from "../../../../src/engine/commit-log/format.ts";
import type { Engine } from "../../../../src/engine/engine.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import { keepNone } from "../../../../src/platform/crash.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { openEngine } from "../../../support/engine-driver.ts";
import { tinyOptions } from "../../../support/engine-settings.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes and acknowledges keys `from` to `to` - 1, some of them in one group. */
async function write(engine: Engine, from: number, to: number): Promise<void> {
  for (let index = from; index < to; ) {
    const written: Promise<void>[] = [];
    for (let i = 0; i < 1 + (index % 5) && index < to; i++, index++) {
      const key = encoder.encode(`key-${index}`);
      const value = encoder.encode("v".repeat(index % 300));
      for (let room = engine.whenWritable(400); room !== undefined; room = engine.whenWritable(400))
        await room;
      written.push(engine.put(key, key.length, entryKinds.value, value, value.length).durable);
    }
    await Promise.all(written);
  }
}

/** The keys that the follower gives out until nothing more is durable. */
function read(follower: LogFollower): string[] {
  const keys: string[] = [];
  for (let frame = follower.next(); frame !== undefined; frame = follower.next()) {
    while (frame.next()) keys.push(decoder.decode(frame.key.copy()));
  }
  return keys;
}

const keys = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `key-${from + i}`);

async function held(files: MemoryFileSystem, maxRetainedBytes = 1 << 30) {
  const engine = await openEngine(files, tinyOptions({ commitLog: { maxRetainedBytes } }), 1);
  await write(engine, 0, 7);
  const position = engine.followedLog.end();
  await engine.followedLog.hold("follower", position.segmentNumber);
  return { engine, position };
}

const reopened = (files: MemoryFileSystem) => openEngine(files, tinyOptions(), 2);

function lostAt(engine: Engine, position: LogPosition): string {
  const follower = engine.followedLog.follow(position);
  try {
    read(follower);
    return "followed to the end";
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    follower.close();
  }
}

describe("a follower of the commit log", () => {
  test("gives out everything from its position on, over many segments, while they are written", async () => {
    const { engine, position } = await held(new MemoryFileSystem());
    const follower = engine.followedLog.follow(position);
    const seen: string[] = [];
    for (let from = 7; from < 700; from += 77) {
      await write(engine, from, from + 77);
      seen.push(...read(follower));
      expect(follower.position).toEqual(engine.followedLog.end());
    }
    expect(seen).toEqual(keys(7, 700));
    expect(follower.position.segmentNumber).toBeGreaterThan(position.segmentNumber + 2);
    follower.close();
    await engine.close();
  });

  test("gives out nothing that is not durable", async () => {
    const { engine, position } = await held(new MemoryFileSystem());
    const follower = engine.followedLog.follow(position);
    const key = encoder.encode("key-7");
    const grown = engine.followedLog.whenGrown();
    const { sequence } = engine.put(key, key.length, entryKinds.value, key, key.length);
    expect(read(follower)).toEqual([]);
    await grown;
    await engine.followedLog.whenDurable(sequence);
    expect(read(follower)).toEqual(["key-7"]);
    follower.close();
    await engine.close();
  });

  test.each(["closed", "killed"])("goes on from a position after the node was %s", async (end) => {
    const files = new MemoryFileSystem();
    const { engine, position } = await held(files);
    await write(engine, 7, 300);
    const killed = files.killClone();
    await engine.close();
    const again = await reopened(end === "killed" ? killed : files);
    await write(again, 300, 400);
    const follower = again.followedLog.follow(position);
    expect(read(follower)).toEqual(keys(7, 400));
    const middle = follower.position;
    follower.close();
    await write(again, 400, 420);
    const next = again.followedLog.follow(middle);
    expect(read(next)).toEqual(keys(400, 420));
    next.close();
    await again.close();
  });

  test("says so at once where a crash has taken back what came before its position", async () => {
    const files = new MemoryFileSystem();
    const lazy = tinyOptions({ commitLog: { sync: "never" } });
    const engine = await openEngine(files, lazy, 1);
    await write(engine, 0, 50);
    const position = engine.followedLog.end();
    const crashed = files.crashClone(keepNone);
    await engine.close();
    const again = await openEngine(crashed, lazy, 2);
    await write(again, 0, 5);
    expect(again.status().lastSequence).toBeLessThan(50);
    expect(lostAt(again, position)).toBe("ABORTED");
    expect(lostAt(again, again.followedLog.end())).toBe("followed to the end");
    await again.close();
  });

  test("says so where its segments are gone, since too much was kept for it", async () => {
    const { engine, position } = await held(new MemoryFileSystem(), 8000);
    await write(engine, 7, 200);
    await engine.flush();
    expect(lostAt(engine, position)).toBe("ABORTED");
    await engine.close();
  });

  test("says so where a segment in the middle is gone", async () => {
    const files = new MemoryFileSystem();
    const { engine, position } = await held(files);
    await write(engine, 7, 600);
    await files.remove(`/data/commitlog/${String(position.segmentNumber + 1).padStart(6, "0")}.log`);
    const numbers = files.list("/data/commitlog").map((name) => segmentNumberOf(name));
    expect(numbers).not.toContain(position.segmentNumber + 1);
    expect(numbers.length).toBeGreaterThan(3);
    expect(lostAt(engine, position)).toBe("ABORTED");
    await engine.close().catch(() => {});
  });

  test("says so where a frame is damaged, wherever it is", async () => {
    const files = new MemoryFileSystem();
    const { engine, position } = await held(files);
    await write(engine, 7, 60);
    const name = `/data/commitlog/${String(position.segmentNumber).padStart(6, "0")}.log`;
    const file = files.open(name, "write");
    file.writeAt(new Uint8Array([0xff]), position.offset + 80);
    file.close();
    expect(lostAt(engine, position)).toBe("ABORTED");
    await engine.close();
  });

  test("says so where numbers that it was given are used again", async () => {
    const files = new MemoryFileSystem();
    const { engine, position } = await held(files);
    await write(engine, 7, 40);
    await engine.close();
    const again = await reopened(files);
    await write(again, 40, 80);
    const ahead = { ...position, nextSequence: position.nextSequence + 40, offset: 1 << 20 };
    expect(lostAt(again, ahead)).toBe("ABORTED");
    await again.close();
  });

  test("a promise of growth costs nothing to leave alone", async () => {
    const { engine } = await held(new MemoryFileSystem());
    const grown = engine.followedLog.whenGrown();
    expect(engine.followedLog.whenGrown()).toBe(grown);
    await write(engine, 7, 8);
    await grown;
    expect(engine.followedLog.whenGrown()).not.toBe(grown);
    await engine.close();
  });

  test("cannot be held back, nor kept, once the engine closes", async () => {
    const { engine, position } = await held(new MemoryFileSystem());
    await expect(engine.followedLog.hold("follower", position.segmentNumber - 1)).rejects.toThrow(
      "cannot go back",
    );
    await engine.close();
    await expect(engine.followedLog.hold("follower", 1)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
