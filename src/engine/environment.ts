/** What the engine stands on, injected: files, time, randomness, an observer, and how much memory there is. */
import type { Clock } from "../platform/clock.ts";
import type { FileSystem } from "../platform/file-system.ts";
import type { MemoryStatus } from "../platform/memory-status.ts";
import type { Random } from "../platform/random.ts";
import type { EngineObserver } from "./observer.ts";

export interface EngineEnvironment {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: EngineObserver;
  /** Without it the cache keeps the size that it was given. */
  readonly memoryStatus?: () => MemoryStatus | undefined;
}
