/** A progress bar on standard error, where that is a terminal; nothing elsewhere. */
import { SingleBar } from "cli-progress";
import type { CommandContext } from "./context.ts";

export interface Progress {
  /** How far it is, in the unit of the total, and what to say beside the bar. */
  update(done: number, note: string): void;
  stop(): void;
}

const silent: Progress = { update: () => undefined, stop: () => undefined };

/** Without a total there is no bar, only the note. */
export function startProgress(context: CommandContext, title: string, total?: number): Progress {
  if (!context.environment.streams.errorIsTerminal) return silent;
  const format = total === undefined ? `${title} {note}` : `${title} [{bar}] {percentage}% {note}`;
  const bar = new SingleBar({
    format,
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
    stream: process.stderr,
  });
  bar.start(total ?? 0, 0, { note: "" });
  return {
    update: (done, note) => bar.update(done, { note }),
    stop: () => bar.stop(),
  };
}
