import { expect, test } from "bun:test";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import { Memtable } from "../../../../src/engine/memtable/memtable.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import { bytes, entry, line, MemtableModel } from "./memtable-model.ts";
import type { ScanAnswer } from "./scan-worker.ts";

test("a worker thread reads a frozen memtable from its buffer alone", async () => {
  const memtable = Memtable.create(1 << 20, seededRandom(11));
  const model = new MemtableModel();
  for (let sequence = 1; sequence <= 400; sequence++) {
    const kind = sequence % 7 === 0 ? entryKinds.tombstone : entryKinds.value;
    const each = { ...entry(`key-${(sequence * 31) % 10}`, sequence, `value-${sequence}`), kind };
    memtable.insert(each.key, each.key.length, sequence, kind, each.value, each.value.length);
    model.insert(each);
  }

  const worker = new Worker(new URL("./scan-worker.ts", import.meta.url));
  try {
    worker.postMessage(memtable.share());
    const [answer] = (await once(worker, "message")) as [ScanAnswer];
    const newest = Number.MAX_SAFE_INTEGER;
    expect(answer).toEqual({
      all: model.all(newest).map(line),
      newest: model.newest(newest).map(line),
      newestAtFifty: model.newest(50).map(line),
      fromKey: model.all(newest, bytes("key-5")).map(line),
      found: line(model.find(bytes("key-3"), 50)!),
      absent: undefined,
      statistics: [400, 57, 1, 400, memtable.usedBytes],
    });
  } finally {
    await worker.terminate();
  }
});
