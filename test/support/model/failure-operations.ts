import { expect } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { OperationKind as FileOperationKind } from "../../../src/platform/operation.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { below, oneIn } from "../random-operations.ts";
import type { HistoryEntry, HistoryRange } from "../store-history.ts";
import { defineOperation } from "./operation.ts";
import { anyDeletion, anyEntry, deleteKeys, writeEntries } from "./write-operations.ts";

/** What a failing disk does: operations of a kind, on some files. */
const failures: readonly [FileOperationKind, RegExp, string][] = [
  ["sync", /\.log$/, "EIO"],
  ["write", /\.log$/, "EIO"],
  ["write", /\.sst$/, "ENOSPC"],
  ["write", /MANIFEST/, "ENOSPC"],
  ["sync", /MANIFEST/, "EIO"],
  ["sync", /\.sst$/, "EIO"],
  ["zero-fill", /\.log$/, "ENOSPC"],
  ["create", /./, "ENOSPC"],
  ["sync-directory", /./, "EIO"],
  ["remove", /./, "EIO"],
  ["map", /\.sst$/, "ENOMEM"],
  ["link", /\.sst$/, "EXDEV"],
  ["rename", /./, "EIO"],
];

interface FailParameters {
  /** Index into `failures`. */
  readonly failure: number;
  readonly failsOneIn: number;
  /** Decides which of the operations fail. */
  readonly seed: number;
  readonly writes: readonly {
    readonly entries: readonly HistoryEntry[];
    readonly waits: boolean;
    /** Deleted afterwards. */
    readonly range: HistoryRange | undefined;
    readonly flushesAfter: boolean;
  }[];
}

/** Some writes and flushes while file operations fail; what the store says meanwhile is true. */
export const failFiles = defineOperation<FailParameters>({
  weight: 8,
  needs: "fails",
  generate: (random, workload) => ({
    failure: below(random, failures.length),
    failsOneIn: 1 + below(random, 3),
    seed: random.uint32(),
    writes: Array.from({ length: 5 + below(random, 20) }, () => ({
      entries: [anyEntry(random, workload, workload.maxValueBytes)],
      waits: oneIn(random, 3),
      range: oneIn(random, 8) ? anyDeletion(random, workload).range : undefined,
      flushesAfter: oneIn(random, 8),
    })),
  }),
  run: async (store, { failure, failsOneIn, seed, writes }) => {
    const random = seededRandom(seed);
    const [kind, path, errno] = failures[failure]!;
    store.injector = (operation) =>
      operation.kind === kind && path.test(operation.path) && oneIn(random, failsOneIn) ? errno : undefined;
    try {
      for (const { range, flushesAfter, ...parameters } of writes) {
        await writeEntries(store, parameters).catch(expectStorageError);
        if (range !== undefined) await deleteKeys(store, { range, waits: false }).catch(expectStorageError);
        if (flushesAfter) await store.engine.flush().catch(() => {});
      }
    } finally {
      store.injector = undefined;
    }
    const { writingStopped, durableSequence } = store.engine.status();
    if (writingStopped !== undefined) store.history.checkContents(store.engine, durableSequence);
    store.mayFail = true;
  },
});

function expectStorageError(error: unknown): void {
  expect(error).toBeInstanceOf(StorageError);
}
