/** Opens the memtable that it is sent and answers with all that it reads there. */
import { parentPort } from "node:worker_threads";
import { Memtable, type MemtableShare } from "../../../../src/engine/memtable/memtable.ts";
import { bytes, drain, lookUp, rewound, sought } from "./memtable-model.ts";

export interface ScanAnswer {
  readonly all: string[];
  readonly newest: string[];
  readonly newestAtFifty: string[];
  readonly fromKey: string[];
  readonly found: string | undefined;
  readonly absent: string | undefined;
  readonly statistics: number[];
}

parentPort!.once("message", (share: MemtableShare) => {
  const memtable = Memtable.open(share);
  const answer: ScanAnswer = {
    all: drain(rewound(memtable.cursor())),
    newest: drain(rewound(memtable.newestCursor())),
    newestAtFifty: drain(rewound(memtable.newestCursor(50))),
    fromKey: drain(sought(memtable.cursor(), bytes("key-5"))),
    found: lookUp(memtable, bytes("key-3"), 50),
    absent: lookUp(memtable, bytes("key-99"), 50),
    statistics: [
      memtable.entryCount,
      memtable.tombstoneCount,
      memtable.smallestSequence,
      memtable.largestSequence,
      memtable.usedBytes,
    ],
  };
  parentPort!.postMessage(answer);
});
