/** `top`: a node's figures as they change, on a screen of their own, or a line for each interval where there is none. */
import type { Command } from "commander";
import { StorageError } from "../../base/errors.ts";
import { type WatchStatsResponse, WatchStatsResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { openTerminal, type Terminal } from "../../platform/terminal.ts";
import { type NodeConnection, noTimeoutMs } from "../client.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { lineOf, screenOf, type TopFigures } from "../top/screen.ts";

interface TopOptions extends NodeOptions {
  readonly interval: string;
  readonly count?: string;
}

const leavingKeys = ["q", "Q", "\u0003"];

const screenOn = "\u001b[?1049h\u001b[?25l";
const screenOff = "\u001b[?25h\u001b[?1049l";
const home = "\u001b[H";
const clearLine = "\u001b[K";
const clearBelow = "\u001b[J";

export function topCommand(context: CommandContext): Command {
  return describeNodeCommand("top", "Watch a node: calls, latencies, levels, compactions, cache, streams.", [
    "top",
    "top --interval 5000 --addr storage-node-1:50052",
    "top --count 1 --json",
  ])
    .option("--interval <milliseconds>", "between two looks, 500 to 60000", "1000")
    .option("--count <number>", "end after so many looks; else q or Ctrl-C ends it")
    .action((options: TopOptions) => top(context, options));
}

async function top(context: CommandContext, options: TopOptions): Promise<void> {
  const intervalMs = wholeNumber("--interval", options.interval, 500, 60_000);
  const most = options.count === undefined ? Infinity : wholeNumber("--count", options.count, 1, 1e9);
  const terminal = options.json ? undefined : openTerminal();
  const leaving = new AbortController();
  await withConnection(context, options, async (connection) => {
    const { nodeId } = await connection.admin.getStatus({});
    const view = terminal === undefined ? undefined : new Screen(context, terminal, () => leaving.abort());
    const stream = connection.admin.watchStats(
      { intervalMs },
      { timeoutMs: noTimeoutMs, signal: leaving.signal },
    );
    let shown = 0;
    try {
      for await (const stats of stream) {
        await show(context, options, view, connection, nodeId, stats);
        if (++shown >= most) break;
      }
    } catch (error) {
      if (!leaving.signal.aborted) throw error;
    } finally {
      await view?.close();
    }
  });
}

async function show(
  context: CommandContext,
  options: TopOptions,
  view: Screen | undefined,
  { admin }: NodeConnection,
  nodeId: string,
  stats: WatchStatsResponse,
): Promise<void> {
  if (options.json) return printMessage(context, WatchStatsResponseSchema, stats);
  const [{ levels }, { streams }] = await Promise.all([admin.listLevels({}), admin.listStreams({})]);
  const figures = { nodeId, stats, levels, streams };
  if (view === undefined) await context.print(`${lineOf(figures)}\n`);
  else await view.show(figures);
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `${flag} is ${text}; allowed is a whole number from ${least} to ${most}`,
  );
}

/** The second screen of a terminal, from its first figures to `close`. */
class Screen {
  readonly #context: CommandContext;
  readonly #terminal: Terminal;
  #figures: TopFigures | undefined;

  constructor(context: CommandContext, terminal: Terminal, leave: () => void) {
    this.#context = context;
    this.#terminal = terminal;
    terminal.onKeys((keys) => {
      if (leavingKeys.some((key) => keys.includes(key))) leave();
    });
    terminal.onResize(() => void this.#draw());
  }

  async show(figures: TopFigures): Promise<void> {
    if (this.#figures === undefined) await this.#context.print(screenOn);
    this.#figures = figures;
    await this.#draw();
  }

  async close(): Promise<void> {
    this.#terminal.release();
    if (this.#figures !== undefined) await this.#context.print(screenOff);
  }

  async #draw(): Promise<void> {
    if (this.#figures === undefined) return;
    const { columns, rows } = this.#terminal;
    const lines = screenOf(this.#figures, columns, rows).map((line) => line + clearLine);
    await this.#context.print(home + lines.join("\r\n") + clearBelow);
  }
}
