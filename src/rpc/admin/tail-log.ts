/** The log of a node as it is written, for whoever listens. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { StorageError } from "../../base/errors.ts";
import type { TailLogResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import type { Clock } from "../../platform/clock.ts";
import { Pulse } from "../pulse.ts";
import { wide } from "./figures.ts";
import { type LogSource, logLevels } from "./sources.ts";

type Answer = MessageInitShape<typeof TailLogResponseSchema>;

export interface TailLogRequest {
  /** The least weight of a line that is told; "" is "info". */
  readonly level: string;
  /** Lines of the past to begin with. */
  readonly backlogCount: number;
}

const intervalMs = 500;
/** Debug lines are not kept. */
const tailLevels: readonly string[] = logLevels.filter((level) => level !== "debug");

/** Throws INVALID_ARGUMENT. */
export function tailLog(
  log: LogSource,
  request: TailLogRequest,
  clock: Clock,
  take: () => () => void,
): Pulse<Answer> {
  const least = tailLevels.findIndex((level) => level === (request.level || "info"));
  if (least < 0) {
    throw new StorageError("INVALID_ARGUMENT", `level is none; allowed is ${tailLevels.join(", ")}`);
  }
  let told = Math.max(0, log.lastSequence - request.backlogCount);
  // What is no longer kept of the backlog has not been missed.
  let isFirst = true;
  const sample = (): Answer | undefined => {
    const lines = log.after(told);
    if (lines.length === 0) return undefined;
    const missedCount = isFirst ? 0 : lines[0]!.sequence - told - 1;
    isFirst = false;
    told = lines.at(-1)!.sequence;
    const heavy = lines.filter(({ level }) => tailLevels.indexOf(level) >= least);
    if (heavy.length === 0 && missedCount === 0) return undefined;
    return {
      lines: heavy.map(({ atMs, level, message, fields }) => ({
        timeUnixMs: wide(atMs),
        level,
        message,
        fieldsJson: fields,
      })),
      missedCount,
    };
  };
  return new Pulse({ clock, intervalMs, sample, ended: take() });
}
