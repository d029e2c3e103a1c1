/** Whose bytes are read when: time is moved by the readers, turns of the event loop by the test. */
import { describe, expect, test } from "bun:test";
import { Backlog, type Reader, ReadScheduler } from "../../../src/http2/read-scheduler.ts";

const kib = 1024;

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
    /** A connection whose reads take so long. */
    reader: (name: string, costMs: number): Reader & { isPaused: boolean; costMs: number } => ({
      backlog: new Backlog(),
      isPaused: false,
      costMs,
      read(bytes, start, length) {
        world.nowMs += this.costMs;
        world.log.push(`${name} ${bytes[0]}:${start}+${length}`);
      },
      pause() {
        this.isPaused = true;
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

/** Reads of it have been so cheap that it is served at once. */
function makeCheap(world: ReturnType<typeof setUp>, reader: Reader): void {
  for (let i = 0; i < 20; i++) {
    world.scheduler.arrived(reader, bytes(0, 1));
    world.turn();
  }
  world.log.length = 0;
}

describe("the scheduler of reads", () => {
  test("lets an unknown connection stand in line, paused, and serves it in the next turn", () => {
    const world = setUp();
    const reader = world.reader("a", 0);
    world.scheduler.arrived(reader, bytes(1, 10));
    expect(world.log).toEqual([]);
    expect(reader.isPaused).toBe(true);
    world.turn();
    expect(world.log).toEqual(["a 1:0+10"]);
    expect(reader.isPaused).toBe(false);
    expect(world.plannedCount).toBe(0);
  });

  test("serves one at once whose reads cost little, until they cost more", () => {
    const world = setUp();
    const reader = world.reader("a", 0.01);
    makeCheap(world, reader);
    world.scheduler.arrived(reader, bytes(1, 10));
    expect(world.log).toEqual(["a 1:0+10"]);
    reader.costMs = 5;
    world.scheduler.arrived(reader, bytes(2, 10));
    world.scheduler.arrived(reader, bytes(3, 10));
    expect(world.log).toEqual(["a 1:0+10", "a 2:0+10"]);
    world.turn();
    expect(world.log.at(-1)).toBe("a 3:0+10");
  });

  test("forgives a read that took long by chance", () => {
    const world = setUp();
    const reader = world.reader("a", 0.01);
    makeCheap(world, reader);
    reader.costMs = 100;
    world.scheduler.arrived(reader, bytes(1, 1));
    reader.costMs = 0.01;
    for (let i = 0; i < 3; i++) {
      world.scheduler.arrived(reader, bytes(2, 1));
      world.turn();
    }
    world.scheduler.arrived(reader, bytes(3, 1));
    expect(world.log.at(-1)).toBe("a 3:0+1");
  });

  test("serves those in line in turns of one piece, and for a bounded time in each turn of the event loop", () => {
    const world = setUp();
    const [a, b] = [world.reader("a", 1), world.reader("b", 1)];
    world.scheduler.arrived(a, bytes(1, 150 * kib));
    world.scheduler.arrived(b, bytes(2, 10));
    world.turn();
    expect(world.log).toEqual(["a 1:0+65536", "b 2:0+10"]);
    expect([a.isPaused, b.isPaused]).toEqual([true, false]);
    world.turn();
    expect(world.log.slice(2)).toEqual(["a 1:65536+65536", "a 1:131072+22528"]);
    expect(a.isPaused).toBe(false);
  });

  test("keeps the order of what arrives although its reader is paused", () => {
    const world = setUp();
    const reader = world.reader("a", 0);
    makeCheap(world, reader);
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
    world.scheduler.arrived(reader, bytes(2, 1));
    expect(world.log).toEqual(["a 2:0+1"]);
    expect(reader.isPaused).toBe(false);
    world.turn();
    world.log.length = 0;
    world.scheduler.arrived(reader, bytes(3, 1));
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
    world.scheduler.arrived(c, bytes(3, 1));
    expect(world.log.at(-1)).toBe("c 3:0+1");
  });

  test("leaves one alone that went while it was read", () => {
    const world = setUp();
    const reader = world.reader("a", 0);
    const { read } = reader;
    reader.read = function (...args) {
      read.apply(this, args);
      world.scheduler.forget(reader);
    };
    world.scheduler.arrived(reader, bytes(1, 200 * kib));
    world.turn();
    world.turn();
    expect(world.log).toEqual(["a 1:0+65536"]);
    expect(reader.isPaused).toBe(true);
  });
});
