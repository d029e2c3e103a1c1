/** A thread of the race test: looks up and scans in the active memtable, or reads frozen ones as a flush does. */
import { parentPort, workerData } from "node:worker_threads";
import { Memtable, type MemtableReader, type MemtableShare } from "../../src/engine/memtable/memtable.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { MemtableChecks } from "./memtable-checks.ts";
import {
  entriesPerMemtable,
  firstSequenceOf,
  keyCount,
  memtableNumberOf,
  RaceScript,
  VersionModel,
} from "./memtable-script.ts";
import { SharedState, slotOf } from "./shared-state.ts";

export interface ThreadStart {
  readonly role: "reader" | "flusher";
  readonly seed: number;
  /** Of this thread's delays and choices. */
  readonly threadSeed: number;
  readonly state: SharedArrayBuffer;
  /** One by slot. */
  readonly shares: readonly MemtableShare[];
}

export type ThreadMessage =
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly message: string }
  /** Checks done, and how many of them the writer inserted during. */
  | { readonly type: "done"; readonly checkCount: number; readonly overlappedCount: number };

/** To a flusher: a memtable is frozen, or there are no more. */
export type FlushMessage = { readonly frozen: number } | "end";

const start = workerData as ThreadStart;
const script = new RaceScript(start.seed);
const state = new SharedState(start.state);
const random = seededRandom(start.threadSeed);
const memtables: readonly MemtableReader[] = start.shares.map((share) => Memtable.open(share));
const counts = { checkCount: 0, overlappedCount: 0 };

function post(message: ThreadMessage): void {
  parentPort!.postMessage(message);
}

/** Runs a step of this thread; what it finds wrong stops all. */
function guarded(step: () => void): void {
  try {
    step();
  } catch (error) {
    state.stop();
    post({
      type: "failed",
      message: `${start.role}: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

function readUntilStopped(): void {
  let model = new VersionModel(script, 0);
  while (!state.stopped) {
    const announced = state.announced;
    if (announced === 0) continue;
    const memtableNumber = memtableNumberOf(announced);
    if (memtableNumber !== model.memtableNumber) model = new VersionModel(script, memtableNumber);
    model.advanceTo(announced);
    if (!state.pin(memtableNumber, random)) continue;
    checkActive(model, announced);
    state.unpin(memtableNumber);
    counts.checkCount++;
    if (state.announced > announced) counts.overlappedCount++;
  }
}

/** Reads at the last announced sequence number, where a gap shows first, or at an older one. */
function checkActive(model: VersionModel, announced: number): void {
  const first = firstSequenceOf(model.memtableNumber);
  const age = random.uint32() % 3 === 0 ? random.uint32() % (announced - first + 1) : 0;
  const memtable = memtables[slotOf(model.memtableNumber)]!;
  const checks = new MemtableChecks(script, memtable, model, announced - age);
  checks.lookUp(script.keyIndexOf(announced));
  for (let i = 0; i < 20; i++) checks.lookUp(random.uint32() % keyCount);
  state.pause(random);
  const which = random.uint32() % 2 === 0 ? "all" : "newest";
  if (random.uint32() % 4 === 0) checks.scan(which);
  else checks.scan(which, random.uint32() % keyCount, 40);
}

function checkFrozen(memtableNumber: number): void {
  state.pause(random);
  const memtable = memtables[slotOf(memtableNumber)]!;
  const lastSequence = firstSequenceOf(memtableNumber + 1) - 1;
  const { entryCount, smallestSequence, largestSequence } = memtable;
  const expected = [entriesPerMemtable, firstSequenceOf(memtableNumber), lastSequence];
  if (expected.join() !== [entryCount, smallestSequence, largestSequence].join()) {
    throw new Error(
      `memtable ${memtableNumber} counts ${entryCount}, ${smallestSequence}, ${largestSequence}`,
    );
  }
  const model = new VersionModel(script, memtableNumber);
  model.advanceTo(lastSequence);
  const checks = new MemtableChecks(script, memtable, model, lastSequence);
  checks.scan("newest");
  checks.scan("all");
  state.pause(random);
  state.markFlushed(memtableNumber);
  counts.checkCount++;
}

post({ type: "ready" });
if (start.role === "reader") {
  guarded(readUntilStopped);
  post({ type: "done", ...counts });
} else {
  parentPort!.on("message", (message: FlushMessage) => {
    if (message === "end") post({ type: "done", ...counts });
    else guarded(() => checkFrozen(message.frozen));
  });
}
