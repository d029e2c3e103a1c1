/** What a stream did, and whether the nodes agree afterwards. */
import { join } from "node:path";
import type { connect } from "../../src/cli/client.ts";
import type { HashRange } from "../../src/migration/hash-ranges.ts";
import type { NodeProcess } from "../../test/support/spawn-node.ts";
import { progress } from "../engine/measure.ts";
import { metricsOf } from "../rpc/server.ts";

type Connection = ReturnType<typeof connect>;

interface Phase {
  readonly name: string;
  readonly fromMs: number;
  toMs: number;
  keysCopied: number;
}

const pollMs = 50;

export class StreamWatch {
  /** By `Date.now`. */
  readonly startedAtMs = Date.now();
  readonly #service: Connection["service"];
  readonly #stream: { readonly sourceNodeId: string; readonly targetNodeId: string };
  readonly #phases: Phase[] = [];

  constructor(service: Connection["service"], stream: { sourceNodeId: string; targetNodeId: string }) {
    this.#service = service;
    this.#stream = stream;
  }

  async untilCompleted(): Promise<void> {
    for (;;) {
      const { state, keysCopied } = await this.#service.getStreamStatus(this.#stream);
      const nowMs = Date.now();
      const last = this.#phases.at(-1);
      if (last?.name === state) Object.assign(last, { toMs: nowMs, keysCopied: Number(keysCopied) });
      else {
        // What was copied between two looks belongs to the phase before.
        if (last !== undefined) Object.assign(last, { toMs: nowMs, keysCopied: Number(keysCopied) });
        this.#phases.push({
          name: state,
          fromMs: last === undefined ? this.startedAtMs : nowMs,
          toMs: nowMs,
          keysCopied: Number(keysCopied),
        });
      }
      if (last?.name !== state)
        progress(`  ${state} after ${nowMs - this.startedAtMs} ms, ${keysCopied} keys copied`);
      if (state === "completed") return;
      if (state === "failed") throw new Error("the stream failed");
      await Bun.sleep(pollMs);
    }
  }

  /** All that was written is at the target. */
  async untilCaughtUp(admin: Connection["admin"]): Promise<void> {
    for (;;) {
      const { streams } = await admin.listStreams({});
      if (streams.every(({ lagBytes }) => lagBytes === 0n)) return;
      await Bun.sleep(pollMs);
    }
  }

  get copiedPerSecond(): number {
    const copying = this.#phases.find(({ name }) => name === "copying");
    return copying === undefined ? 0 : (1000 * copying.keysCopied) / (copying.toMs - copying.fromMs);
  }

  phases(
    source: NodeProcess,
    stallMs: (node: NodeProcess, fromMs: number, untilMs: number) => number,
  ): string[] {
    return this.#phases.map(({ name, fromMs, toMs, keysCopied }) => {
      const stall = stallMs(source, fromMs, toMs + 250).toFixed(1);
      return `${name}: ${((toMs - fromMs) / 1000).toFixed(1)} s, ${keysCopied} keys copied, longest stall ${stall} ms`;
    });
  }
}

export async function tablesByLevel(node: NodeProcess): Promise<string> {
  const counters = await metricsOf(node.httpUrl);
  return [...counters]
    .filter(([series]) => series.startsWith("pairdb_sstable_count_by_level"))
    .map(([, count]) => count)
    .join(", ");
}

/** By the command that operators use. */
export async function compareNodes(
  source: NodeProcess,
  target: NodeProcess,
  ranges: readonly HashRange[],
): Promise<{ readonly missingThere: number; readonly different: number }> {
  const command = [process.execPath, join(import.meta.dir, "../../src/main.ts"), "compare", "--json"];
  const child = Bun.spawn([
    ...command,
    ...["--addr", source.grpcAddress, "--with", target.grpcAddress],
    ...ranges.flatMap(({ start, end }) => ["--range", `${start}-${end}`]),
  ]);
  const text = await child.stdout.text();
  const counts = JSON.parse(text) as { missing_there: number; different: number; records_there: number };
  if (counts.records_there === 0) throw new Error("the target holds nothing");
  console.log(`compare: ${text.trim()}`);
  return { missingThere: counts.missing_there, different: counts.different };
}
