/** Where the pressure on writers comes from, read at the moment it is asked for. */
import type { Compactor } from "./compaction/compactor.ts";
import type { Flusher } from "./flusher.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import type { MemtableSet } from "./memtable-set.ts";
import type { StallSources } from "./write-stall.ts";

export function stallSources(
  memtables: MemtableSet,
  versions: VersionSet,
  flusher: Flusher,
  compactor: Compactor,
): StallSources {
  return {
    get frozenCount() {
      return memtables.frozenCount;
    },
    get activeUsedBytes() {
      return memtables.active.usedBytes;
    },
    get level0Count() {
      return versions.current.levels[0]!.length;
    },
    get flushFailure() {
      return flusher.failure;
    },
    get isCompacting() {
      return !compactor.isPaused && compactor.failure === undefined;
    },
  };
}
