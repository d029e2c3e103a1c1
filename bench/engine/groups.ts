/** All groups, in the order of the results. */
import { cacheRatiosGroup } from "./cases/cache-ratios.ts";
import { coldReadsGroup } from "./cases/cold-reads.ts";
import { compactionGroup } from "./cases/compaction.ts";
import { fillGroup } from "./cases/fill.ts";
import { growthGroup } from "./cases/growth.ts";
import { memoryGroup } from "./cases/memory.ts";
import { readsGroup } from "./cases/reads.ts";
import { recoveryGroup } from "./cases/recovery.ts";
import { zstdGroup } from "./cases/zstd.ts";
import type { Group } from "./group.ts";

export const groups: readonly Group[] = [
  fillGroup,
  readsGroup,
  zstdGroup,
  memoryGroup,
  cacheRatiosGroup,
  compactionGroup,
  coldReadsGroup,
  recoveryGroup,
  growthGroup,
];
