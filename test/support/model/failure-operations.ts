import { expect } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { OperationKind as FileOperationKind } from "../../../src/platform/operation.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { below, oneIn } from "../random-operations.ts";
import type { HistoryEntry } from "../store-history.ts";
import { defineOperation } from "./operation.ts";
import { anyEntry, writeEntries } from "./write-operations.ts";

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
      flushesAfter: oneIn(random, 8),
    })),
  }),
  run: async (store, { failure, failsOneIn, seed, writes }) => {
    const random = seededRandom(seed);
    const [kind, path, errno] = failures[failure]!;
    store.injector = (operation) =>
      operation.kind === kind && path.test(operation.path) && oneIn(random, failsOneIn) ? errno : undefined;
    try {
      for (const { flushesAfter, ...parameters } of writes) {
        await writeEntries(store, parameters).catch(expectStorageError);
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
