/** What a run measures, from the command line. */
import { parseArgs } from "node:util";
import type { ContestSettings } from "./contest.ts";
import { describePinning } from "./processors.ts";

export interface Settings extends ContestSettings {
  /** Only cases whose name holds this; undefined: all. */
  readonly only: string | undefined;
  readonly json: boolean;
  /** Writes the results, the plots and the figures in the documents. */
  readonly writeDocs: boolean;
  readonly unpinned: boolean;
}

export function readSettings(args: string[]): Settings {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "2" },
      case: { type: "string" },
      json: { type: "boolean", default: false },
      "write-docs": { type: "boolean", default: false },
      unpinned: { type: "boolean", default: false },
    },
  });
  const settings = {
    roundCount: Number(values.rounds),
    roundSeconds: Number(values.seconds),
    only: values.case,
    json: values.json,
    writeDocs: values["write-docs"],
    unpinned: values.unpinned,
  };
  if (!(settings.roundCount >= 1 && settings.roundSeconds > 0))
    throw new Error("--rounds is at least 1, --seconds more than 0");
  return settings;
}

/** For the document. */
export function describe({ roundCount, roundSeconds }: Settings): string {
  return `${roundCount} rounds of ${roundSeconds} s, ${describePinning()}`;
}
