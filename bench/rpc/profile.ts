/**
 * Where the time of one call goes, by a sampling profiler in the node's main thread: `bun bench/rpc/profile.ts
 * read|write|batch-read|batch-write`. The shares are those of the code itself, without what it calls.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { byH2load, contest } from "./contest.ts";
import { byOwnClient } from "./own-client.ts";
import { ours } from "./servers/ours.ts";
import type { Work } from "./work.ts";

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** What a function belongs to, by its file; the runtime's own functions have none. */
function partOf({ functionName, url }: CpuProfile["nodes"][number]["callFrame"]): string {
  const room = /\/src\/([a-z0-9]+)\//.exec(url)?.[1];
  if (room !== undefined) return `src/${room}`;
  if (/node_modules/.test(url)) return "libraries";
  if (functionName === "write") return "the kernel: sockets";
  if (/^(fdatasync|writeSync)/.test(functionName)) return "the kernel: files";
  return "the runtime";
}

function functionOf({ functionName, url }: CpuProfile["nodes"][number]["callFrame"]): string {
  const file = /\/src\/(.+)$/.exec(url)?.[1];
  return `${functionName || "(anonymous)"}${file === undefined ? "" : `, ${file}`}`;
}

/** The shares of what `nameOf` tells apart, the largest first. */
function sharesOf(
  { nodes, samples, timeDeltas }: CpuProfile,
  nameOf: (callFrame: CpuProfile["nodes"][number]["callFrame"]) => string,
): [string, number][] {
  const parts = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  samples.forEach((id, index) => {
    const part = parts.get(id)!;
    times.set(part, (times.get(part) ?? 0) + timeDeltas[index]!);
  });
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times].map(([part, time]): [string, number] => [part, time / total]).sort((a, b) => b[1] - a[1]);
}

function print(shares: readonly [string, number][]): void {
  for (const [name, share] of shares) console.log(`${(100 * share).toFixed(1).padStart(5)} %  ${name}`);
}

const small = { valueBytes: 100, connectionCount: 8, streamCount: 32 };
const batch = { valueBytes: 100, entryCount: 100, connectionCount: 4, streamCount: 4 };
const works: Readonly<Record<string, Work>> = {
  read: { operation: "read", ...small },
  write: { operation: "write", ...small },
  "batch-read": { operation: "batch_read", ...batch },
  "batch-write": { operation: "batch_write", ...batch },
};
const shownFunctionCount = 30;

const work = works[process.argv[2] ?? ""];
if (work === undefined) throw new Error(`profile what? ${Object.keys(works).join(", ")}`);
const folder = mkdtempSync(join(tmpdir(), "pairdb-profile-"));
try {
  const generate = work.operation.startsWith("batch_") ? byOwnClient() : byH2load;
  const start = ours({ runtimeFlags: ["--cpu-prof", `--cpu-prof-dir=${folder}`] });
  await contest({ roundCount: 3, roundSeconds: 3 }, work, { ours: { start, generate } });
  const profile = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]!), "utf8")) as CpuProfile;
  print(sharesOf(profile, partOf));
  console.log("\nby function:");
  print(sharesOf(profile, functionOf).slice(0, shownFunctionCount));
} finally {
  rmSync(folder, { recursive: true });
}
