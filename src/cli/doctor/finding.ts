/** What `doctor` finds, and what its checks are given to look at. */
import type { Configuration } from "../../config/resolve.ts";
import type { DataDirectories } from "../../engine/data-directory.ts";
import type { CommandEnvironment } from "../context.ts";

/** `warning`: works, and not as well or as safely as it could. `problem`: does not work, or data is in danger. */
export type FindingState = "ok" | "warning" | "problem";

export interface Finding {
  readonly state: FindingState;
  readonly message: string;
  /** What to do; of warnings and problems. */
  readonly advice?: string;
}

export interface Subject {
  readonly environment: CommandEnvironment;
  readonly configuration: Configuration;
  readonly directories: DataDirectories;
  /** What the configuration says without effect, one sentence each. */
  readonly configurationWarnings: readonly string[];
  /** The node that runs on the data directory, if one does. */
  readonly nodeProcessId: number | undefined;
}

export type Check = (subject: Subject) => Finding[];

export function ok(message: string): Finding {
  return { state: "ok", message };
}

export function warning(message: string, advice: string): Finding {
  return { state: "warning", message, advice };
}

export function problem(message: string, advice: string): Finding {
  return { state: "problem", message, advice };
}
