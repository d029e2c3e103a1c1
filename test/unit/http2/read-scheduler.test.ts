/** Whose bytes are read when: time is moved by the readers, turns of the event loop by the test. */
import { describe, expect, test } from "bun:test";
import { Backlog, type Reader, ReadScheduler } from "../../../src/http2/read-scheduler.ts";

const kib = 1024;

/** What a reader was told. */
interface Pauses {
  isPaused: boolean;
  pauseCount: number;
}

function setUp() {
  const world = { nowMs: 0, turns: [] as (() => void)[], log: [] as string[] };
  const scheduler = new ReadScheduler(
    () => world.nowMs,
    (serve) => void world.turns.push(serve),
  );
  return {
    ...world,
    scheduler,
    log: world.log,
    wait: (ms: number) => void (world.nowMs += ms),
    /** A connection whose reads take so long. */
    reader: (name: string, costMs: number): Reader & Pauses & { costMs: number } => ({
      backlog: new Backlog(world.nowMs),
      isPaused: false,
      pauseCount: 0,
      costMs,
      read(bytes, start, length) {
        world.nowMs += this.costMs;
        world.log.push(`${name} ${bytes[0]}:${start}+${length}`);
      },
      pause() {
        this.isPaused = true;
        this.pauseCount++;
      },
      resume() {
        this.isPaused = false;
      },
    }),
    turn(): void {
      for (const serve of world.turns.splice(0)) serve();
    },
    get plannedCount(): number {
      return world.turns.length;
    },
  };
}

/** Bytes that say which they are. */
function bytes(number: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(number);
}

describe("the scheduler of reads", () => {
  test("lets a new connection that brings much stand in line until the next turn, without a pause", () => {
    const world = setUp();
    const reader = world.reader("a", 0);
    world.scheduler.arrived(reader, bytes(1, 512));
    expect(world.log).toEqual(["a 1:0+512"]);
    world.scheduler.arrived(reader, bytes(2, 513));
    expect(world.log).toHaveLength(1);
    expect(reader.pauseCount).toBe(0);
    world.turn();
    expect(world.log.at(-1)).toBe("a 2:0+513");
    expect(reader.pauseCount).toBe(0);
    expect(world.plannedCount).toBe(0);
  });

  test("takes more at once from one that it has known for a second", () => {
    const world = setUp();
    const reader = world.reader("a", 0);
    world.wait(1000);
    world.scheduler.arrived(reader, bytes(1, 64 * kib));
    expect(world.log).toEqual(["a 1:0+65536"]);
    world.scheduler.arrived(reader, bytes(2, 64 * kib + 1));
    expect(world.log).toHaveLength(1);
  });

  test("serves one as its bytes arrive while it keeps to its share, and again once it does", () => {
    const world = setUp();
    const reader = world.reader("a", 2);
    const arrive = () => {
      const before = world.log.length;
      world.scheduler.arrived(reader, bytes(1, 1));
      const isAtOnce = world.log.length > before;
      world.turn();
      return isAtOnce;
    };
    const first = Array.from({ length: 10 }, arrive);
    expect(first).toEqual([true, true, true, true, true, true, false, false, false, false]);
    world.wait(20 * 10);
    expect(arrive()).toBe(true);
    // 1 ms in 20.
    const steady = world.reader("b", 1);
    for (let i = 0; i < 1000; i++) {
      world.wait(20);
      world.scheduler.arrived(steady, bytes(2, 1));
      expect(world.plannedCount).toBe(0);
    }
  });

  test("counts a read that took long by chance for no more than a little", () => {
    const world = setUp();
    const reader = world.reader("a", 1000);
    for (let i = 0; i < 2; i++) world.scheduler.arrived(reader, bytes(i, 1));
    expect(world.log).toEqual(["a 0:0+1", "a 1:0+1"]);
  });

  test("serves those in line in turns of one piece, and for a bounded time in each turn of the event loop", () => {
    const world = setUp();
    const [a, b] = [world.reader("a", 1), world.reader("b", 1)];
    world.scheduler.arrived(a, bytes(1, 150 * kib));
    world.scheduler.arrived(b, bytes(2, 1000));
    world.turn();
    expect(world.log).toEqual(["a 1:0+65536", "b 2:0+1000"]);
    expect([a.isPaused, b.isPaused]).toEqual([true, false]);
    world.turn();
    expect(world.log.slice(2)).toEqual(["a 1:65536+65536", "a 1:131072+22528"]);
    expect(a.isPaused).toBe(false);
  });

  test("lets those that are left with little go on", () => {
    const world = setUp();
    const [a, b] = [world.reader("a", 2), world.reader("b", 2)];
    for (const reader of [a, b]) world.scheduler.arrived(reader, bytes(1, 1000));
    world.turn();
    expect(world.log).toEqual(["a 1:0+1000"]);
    world.scheduler.arrived(b, bytes(2, 1000));
    expect(b.pauseCount).toBe(0);
    world.turn();
    world.scheduler.arrived(b, bytes(3, 16 * kib + 1));
    world.turn();
    expect(world.log.slice(1)).toEqual(["b 1:0+1000", "b 2:0+1000"]);
    expect(b.isPaused).toBe(true);
    world.turn();
    expect([b.isPaused, b.pauseCount]).toEqual([false, 1]);
  });

  test("pauses those that are left with much after a turn, once, until all of their bytes were read", () => {
    const world = setUp();
    const reader = world.reader("a", 2);
    world.scheduler.arrived(reader, bytes(1, 150 * kib));
    expect(reader.isPaused).toBe(false);
    world.turn();
    expect(reader.isPaused).toBe(true);
    world.scheduler.arrived(reader, bytes(2, 1));
    for (let turn = 0; turn < 2; turn++) world.turn();
    // Although what is left is little now.
    expect([reader.isPaused, reader.pauseCount]).toEqual([true, 1]);
    world.turn();
    expect(world.log.at(-1)).toBe("a 2:0+1");
    expect([reader.isPaused, reader.pauseCount]).toEqual([false, 1]);
  });

  test("keeps the order of what arrives while bytes wait", () => {
    const world = setUp();
    const reader = world.reader("a", 0);
    world.wait(1000);
    // Too much for one piece.
    world.scheduler.arrived(reader, bytes(1, 70 * kib));
    world.scheduler.arrived(reader, bytes(2, 1));
    world.turn();
    expect(world.log).toEqual(["a 1:0+65536", "a 1:65536+6144", "a 2:0+1"]);
  });

  test("lets nobody wait when too many bytes wait already", () => {
    const world = setUp();
    const reader = world.reader("a", 0);
    const other = world.reader("b", 0);
    world.scheduler.arrived(other, bytes(1, 32 << 20));
    world.scheduler.arrived(reader, bytes(2, 1000));
    expect(world.log).toEqual(["a 2:0+1000"]);
    expect(reader.isPaused).toBe(false);
    world.turn();
    world.log.length = 0;
    world.scheduler.arrived(reader, bytes(3, 1000));
    expect(world.log).toEqual([]);
  });

  test("forgets one that is gone, also in the middle of its bytes, and what it held", () => {
    const world = setUp();
    const [a, b, c] = [world.reader("a", 2), world.reader("b", 0), world.reader("c", 0)];
    world.scheduler.arrived(a, bytes(1, 32 << 20));
    world.turn();
    world.scheduler.forget(a);
    world.turn();
    expect(world.log).toEqual(["a 1:0+65536"]);
    world.scheduler.arrived(b, bytes(2, 32 << 20));
    expect(world.log).toHaveLength(1);
    world.scheduler.arrived(c, bytes(3, 1000));
    expect(world.log.at(-1)).toBe("c 3:0+1000");
  });

  test("leaves one alone that went while it was read", () => {
    const world = setUp();
    const reader = world.reader("a", 2);
    const { read } = reader;
    reader.read = function (...args) {
      read.apply(this, args);
      if (world.log.length === 2) world.scheduler.forget(reader);
    };
    world.scheduler.arrived(reader, bytes(1, 200 * kib));
    for (let turn = 0; turn < 3; turn++) world.turn();
    expect(world.log).toEqual(["a 1:0+65536", "a 1:65536+65536"]);
    expect(reader.isPaused).toBe(true);
  });

  test("gives back the memory of a large chunk once all of it was read, and of no other", () => {
    const world = setUp();
    const reader = world.reader("a", 2);
    world.wait(1000);
    const [light, heavy, small] = [bytes(1, 16 * kib), bytes(2, 100 * kib), bytes(3, 1000)];
    const part = new Uint8Array(40 * kib).subarray(0, 20 * kib);
    world.scheduler.arrived(reader, light);
    world.scheduler.arrived(reader, small);
    world.scheduler.arrived(reader, part);
    expect([light.length, small.length, part.length]).toEqual([0, 1000, 20 * kib]);
    world.scheduler.arrived(reader, heavy);
    world.turn();
    expect(heavy.length).toBe(100 * kib);
    world.turn();
    expect(heavy.length).toBe(0);
  });

  test("gives back the memory of what will not be read, but not under the feet of who reads it", () => {
    const world = setUp();
    const reader = world.reader("a", 2);
    const chunks = [bytes(1, 200 * kib), bytes(2, 20 * kib)];
    const seen: number[] = [];
    reader.read = ({ length }) => {
      world.scheduler.forget(reader);
      seen.push(length);
    };
    for (const chunk of chunks) world.scheduler.arrived(reader, chunk);
    world.turn();
    expect([seen, chunks.map(({ length }) => length)]).toEqual([[200 * kib], [0, 0]]);
    const waiting = bytes(3, 20 * kib);
    world.scheduler.arrived(reader, waiting);
    world.scheduler.forget(reader);
    expect(waiting.length).toBe(0);
  });
});
