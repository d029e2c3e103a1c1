import {
  type CrashPolicy,
  keepAll,
  keepNone,
  keepPages,
  keepRandomSectors,
} from "../../src/platform/crash.ts";
import type { MemoryFileSystem } from "../../src/platform/memory.ts";
import { seededRandom } from "../../src/platform/random.ts";

/**
 * The crashes worth trying at this moment: nothing, everything, every prefix of the unsynced pages, and some random
 * subsets of sectors. Each name repeats its crash.
 */
export function* crashPolicies(
  files: MemoryFileSystem,
  seed: number,
  randomCount = 2,
): Generator<CrashPolicy> {
  yield keepNone;
  yield keepAll;
  for (let count = 0; count < files.unsyncedPageCount; count++) yield keepPages(count);
  for (let i = 0; i < randomCount; i++) {
    yield keepRandomSectors(seededRandom(seed + i), `keep random sectors, seed ${seed + i}`);
  }
}
