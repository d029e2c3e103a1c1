/** The terminal that a person looks at: its size, the keys that are pressed, and a screen that is given back. */

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** Calls with what was typed, as it is typed; Ctrl-C is "\u0003". */
  onKeys(listener: (keys: string) => void): void;
  onResize(listener: () => void): void;
  /** Keys go by lines again. */
  release(): void;
}

/** Undefined where standard input or output is none. */
export function openTerminal(): Terminal | undefined {
  const { stdin, stdout } = process;
  if (stdin.isTTY !== true || stdout.isTTY !== true) return undefined;
  return {
    get columns() {
      return stdout.columns;
    },
    get rows() {
      return stdout.rows;
    },
    onKeys(listener) {
      stdin.setRawMode(true);
      stdin.on("data", (chunk: Buffer) => listener(chunk.toString("latin1")));
    },
    onResize(listener) {
      stdout.on("resize", listener);
    },
    release() {
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
