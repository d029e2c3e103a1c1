/** The progress of a compaction that somebody asked for. It goes on when nobody listens any more. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CompactResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import type {
  Administration,
  CompactionRange,
  RunningCompaction,
} from "../../node/administration/administration.ts";
import type { Clock } from "../../platform/clock.ts";
import { endsWithin } from "../../platform/ends-within.ts";
import type { Places } from "../places.ts";
import { wide } from "./figures.ts";

const progressIntervalMs = 500;

type Progress = MessageInitShape<typeof CompactResponseSchema>;

/** Takes a place until the compaction has ended, whoever listens. Throws where there is none, and for a bad range. */
export function compact(
  administration: Administration,
  range: CompactionRange,
  clock: Clock,
  places: Places,
): AsyncGenerator<Progress, void, void> {
  const giveBack = places.take();
  try {
    const progress = progressOf(administration, clock);
    const compaction = administration.compact(range);
    const ended = compaction.done.then(giveBack, giveBack);
    return follow(compaction, ended, (isDone) => progress(compaction, isDone), clock);
  } catch (error) {
    giveBack();
    throw error;
  }
}

/** Measured from now on. */
function progressOf(administration: Administration, clock: Clock) {
  const startedAtMs = clock.monotonicMs();
  const { compactedBytes } = administration.status().work;
  return ({ approximateBytes }: RunningCompaction, isDone: boolean): Progress => {
    const { work, runningCompactionCount, isCompactionPaused } = administration.status();
    return {
      isDone,
      elapsedSeconds: (clock.monotonicMs() - startedAtMs) / 1000,
      approximateRangeBytes: wide(approximateBytes()),
      compactedBytes: wide(work.compactedBytes - compactedBytes),
      runningCount: runningCompactionCount,
      isPaused: isCompactionPaused,
    };
  };
}

async function* follow(
  { done }: RunningCompaction,
  ended: Promise<void>,
  progress: (isDone: boolean) => Progress,
  clock: Clock,
): AsyncGenerator<Progress, void, void> {
  do yield progress(false);
  while (!(await endsWithin(ended, clock, progressIntervalMs)));
  await done;
  yield progress(true);
}
