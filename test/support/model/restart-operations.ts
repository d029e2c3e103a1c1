import { type CrashPolicy, keepAll, keepNone, keepRandomSectors } from "../../../src/platform/crash.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { below } from "../random-operations.ts";
import { defineOperation } from "./operation.ts";

export const reopen = defineOperation({
  weight: 7,
  generate: () => undefined,
  run: async (store) => {
    await store.reopen();
    return store.engine.status().lastSequence;
  },
});

const fates = ["process", "none", "all", "sectors", "sectors"] as const;

interface CrashParameters {
  /** The process alone dies, or the machine with none, all or some sectors of what was not synced kept. */
  readonly fate: (typeof fates)[number];
  readonly seed: number;
}

function policyOf({ fate, seed }: CrashParameters): CrashPolicy | undefined {
  if (fate === "process") return undefined;
  if (fate === "sectors") return keepRandomSectors(seededRandom(seed));
  return fate === "none" ? keepNone : keepAll;
}

export const crash = defineOperation<CrashParameters>({
  weight: 5,
  needs: "crashes",
  generate: (random) => ({
    fate: fates[below(random, fates.length)]!,
    seed: random.uint32(),
  }),
  run: async (store, parameters) => {
    await store.crash(policyOf(parameters));
    return store.engine.status().lastSequence;
  },
});
