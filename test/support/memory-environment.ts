import type { EngineEnvironment } from "../../src/engine/environment.ts";
import { type EngineObserver, silentObserver } from "../../src/engine/observer.ts";
import type { FileSystem } from "../../src/platform/file-system.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { ManualClock } from "./manual-clock.ts";

export interface MemoryEnvironment<Files extends FileSystem> extends EngineEnvironment {
  readonly files: Files;
  readonly clock: ManualClock;
}

/** What the engine stands on, all in the test's hand; the same seed repeats a run. */
export function memoryEnvironment<Files extends FileSystem>(
  files: Files,
  seed = 1,
  observer: Partial<EngineObserver> = {},
): MemoryEnvironment<Files> {
  return {
    files,
    clock: new ManualClock(),
    random: seededRandom(seed),
    observer: { ...silentObserver, ...observer },
  };
}
