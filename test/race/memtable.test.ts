/**
 * Threads over shared memtables: the main thread inserts, two threads look up and scan in the active memtable as
 * of what was announced to them, one reads each frozen memtable as a flush does, and arenas are reused, with
 * random delays at every hand-over. What a thread reads as of a sequence number must be exactly what the script
 * says. Two broken writers show that the test would notice.
 */
import { describe, expect, test } from "bun:test";
import { Worker } from "node:worker_threads";
import { Arena } from "../../src/engine/memtable/arena.ts";
import { Memtable } from "../../src/engine/memtable/memtable.ts";
import { type Node, SkipList } from "../../src/engine/memtable/skip-list.ts";
import { type Random, seededRandom, systemRandom } from "../../src/platform/random.ts";
import { entriesPerMemtable, firstSequenceOf, maxValueLength, RaceScript } from "./memtable-script.ts";
import type { FlushMessage, ThreadMessage, ThreadStart } from "./memtable-thread.ts";
import { SharedState, slotCount, slotOf } from "./shared-state.ts";

const memtableCount = 80;
const readerCount = 2;
const arenaBytes = 1 << 20;
const timeoutMs = 20_000;

type Writer = "correct" | "publishes before it fills" | "announces before it inserts";

interface RaceResult {
  readonly failures: readonly string[];
  /** By thread: the readers, then the flusher. */
  readonly checkCounts: readonly number[];
  readonly overlappedCounts: readonly number[];
}

/** The fault that the order of publication prevents: a node can be reached while its fields are not written. */
class PrematureSkipList extends SkipList {
  readonly #state: SharedState;
  readonly #random: Random;

  constructor(arena: Arena, seed: number, state: SharedState) {
    super(arena, seed);
    this.#state = state;
    this.#random = seededRandom(seed);
  }

  protected override link(node: Node, height: number): void {
    const { words } = this.arena;
    const fields = words.slice(node, node + 5);
    words.fill(0, node, node + 5);
    super.link(node, height);
    this.#state.spin(this.#random.uint32() % 1000);
    words.set(fields, node);
  }
}

class Thread {
  readonly failures: string[] = [];
  checkCount = 0;
  overlappedCount = 0;
  readonly ready: Promise<void>;
  readonly done: Promise<void>;
  readonly #worker: Worker;

  constructor(start: ThreadStart) {
    this.#worker = new Worker(new URL("./memtable-thread.ts", import.meta.url), { workerData: start });
    const ready = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.done = done.promise;
    this.#worker.on("error", (error: Error) => {
      this.failures.push(`${start.role} died: ${error.message}`);
      ready.resolve();
      done.resolve();
    });
    this.#worker.on("message", (message: ThreadMessage) => {
      if (message.type === "ready") ready.resolve();
      else if (message.type === "failed") this.failures.push(message.message);
      else {
        this.checkCount = message.checkCount;
        this.overlappedCount = message.overlappedCount;
        done.resolve();
      }
    });
  }

  send(message: FlushMessage): void {
    this.#worker.postMessage(message);
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

async function race(seed: number, writer: Writer): Promise<RaceResult> {
  const state = new SharedState();
  const random = seededRandom(seed + 1);
  const memtables = Array.from({ length: slotCount }, () => {
    if (writer !== "publishes before it fills") return Memtable.create(arenaBytes, random);
    const memtable = new Memtable(new PrematureSkipList(Arena.create(arenaBytes), random.uint32(), state));
    memtable.reset();
    return memtable;
  });
  const common = { seed, state: state.buffer, shares: memtables.map((memtable) => memtable.share()) };
  const readers = Array.from(
    { length: readerCount },
    (_, i) => new Thread({ ...common, role: "reader", threadSeed: seed + 10 + i }),
  );
  const flusher = new Thread({ ...common, role: "flusher", threadSeed: seed + 2 });
  const threads = [...readers, flusher];
  try {
    await Promise.all(threads.map((thread) => thread.ready));
    await writeAll(new RaceScript(seed), memtables, flusher, state, random, writer);
    flusher.send("end");
    state.stop();
    await Promise.all(threads.map((thread) => thread.done));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return {
    failures: threads.flatMap((thread) => thread.failures),
    checkCounts: threads.map((thread) => thread.checkCount),
    overlappedCounts: threads.map((thread) => thread.overlappedCount),
  };
}

async function writeAll(
  script: RaceScript,
  memtables: readonly Memtable[],
  flusher: Thread,
  state: SharedState,
  random: Random,
  writer: Writer,
): Promise<void> {
  for (let number = 0; number < memtableCount && !state.stopped; number++) {
    const slot = slotOf(number);
    if (number >= slotCount) {
      await turnUntil(() => state.isFlushed(slot) || state.stopped);
      state.vacate(slot);
      await turnUntil(() => !state.isPinned(slot));
    }
    memtables[slot]!.reset();
    state.pause(random);
    state.fill(number);
    fill(script, memtables[slot]!, number, state, random, writer);
    flusher.send({ frozen: number });
  }
  await turnUntil(() => memtables.every((_, slot) => state.isFlushed(slot)) || state.stopped);
}

/** Inserts a memtable's entries and announces them, several at once sometimes. */
function fill(
  script: RaceScript,
  memtable: Memtable,
  memtableNumber: number,
  state: SharedState,
  random: Random,
  writer: Writer,
): void {
  const value = new Uint8Array(maxValueLength);
  const first = firstSequenceOf(memtableNumber);
  for (let sequence = first; sequence < first + entriesPerMemtable && !state.stopped; sequence++) {
    if (writer === "announces before it inserts") state.announce(sequence);
    state.pause(random);
    const key = script.keys[script.keyIndexOf(sequence)]!;
    const length = script.valueLengthOf(sequence);
    for (let i = 0; i < length; i++) value[i] = script.valueByteOf(sequence, i);
    const inserted = memtable.insert(key, key.length, sequence, script.kindOf(sequence), value, length);
    if (!inserted) throw new Error(`no room for entry ${sequence}`);
    state.pause(random);
    const last = sequence === first + entriesPerMemtable - 1;
    if (last || random.uint32() % 4 !== 0) state.announce(sequence);
  }
}

/** Lets messages through until the condition holds. */
async function turnUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe("memtables shared by threads", () => {
  const seed = Number(process.env["RACE_SEED"] ?? systemRandom.uint32() >>> 1);
  console.log(`RACE_SEED=${seed}`);

  test(
    "hold at every moment exactly what was announced",
    async () => {
      const result = await race(seed, "correct");
      expect(result.failures).toEqual([]);
      expect(result.checkCounts.at(-1)).toBe(memtableCount);
      for (const overlappedCount of result.overlappedCounts.slice(0, readerCount)) {
        expect(overlappedCount).toBeGreaterThan(0);
      }
    },
    timeoutMs,
  );

  test.each(["publishes before it fills", "announces before it inserts"] as const)(
    "would show a writer that %s",
    async (writer) => {
      const { failures } = await race(seed, writer);
      expect(failures.length).toBeGreaterThan(0);
    },
    timeoutMs,
  );
});
