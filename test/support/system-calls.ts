/** What strace saw of a process: which files it synced, renamed and removed, and in which order. */

export interface SystemCall {
  readonly name: string;
  /** The first path in the call: of a descriptor, or an argument. */
  readonly path: string;
  /** The last path: where a rename leads. */
  readonly target: string;
  /** Places in the trace. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** The command that runs another one under strace; the traced process stays the child of its parent. */
export function traced(command: readonly string[], output: string, calls: string): string[] {
  return ["strace", "-D", "-f", "-y", "-e", `trace=${calls}`, "-o", output, ...command];
}

/** Parses the output of `strace -f -y`; calls that another thread interrupted are put together again. */
export function parseTrace(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, Omit<SystemCall, "endedAt">>();
  for (const [index, line] of trace.split("\n").entries()) {
    const thread = /^\d+/.exec(line)?.[0] ?? "";
    const resumed = /<\.\.\. (\w+) resumed>/.exec(line);
    if (resumed !== null) {
      const begun = unfinished.get(thread);
      if (begun !== undefined && begun.name === resumed[1]) calls.push({ ...begun, endedAt: index });
      continue;
    }
    const name = /^\d+\s+(\w+)\(/.exec(line)?.[1];
    if (name === undefined) continue;
    const paths = [...line.matchAll(/<(\/[^>]*)>|"(\/[^"]*)"/g)].map(
      ([, opened, argument]) => opened ?? argument!,
    );
    const begun = { name, path: paths[0] ?? "", target: paths.at(-1) ?? "", startedAt: index };
    if (line.endsWith("<unfinished ...>")) unfinished.set(thread, begun);
    else calls.push({ ...begun, endedAt: index });
  }
  return calls;
}
