/**
 * A node that is asked for more than it can do: `bun bench/overload.ts [--seconds N] [--case TEXT]`.
 *
 * Scans and large writes come three times as fast as the node can answer them; reads of small values come from 1,024
 * connections with 100 in flight each. Every case has a node of its own, and the load a process of its own. Exits with
 * 1 when a bar is missed.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { costlyCalls, overloadBy } from "./overload/costly-calls.ts";
import { overloadByThinReads } from "./overload/thin-reads.ts";
import { describePinning } from "./rpc/processors.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, case: { type: "string", default: "" } },
});
const seconds = Number(values.seconds);

const cases: readonly { readonly title: string; run(): Promise<string[]> }[] = [
  ...costlyCalls.map((call) => ({ title: call.title, run: () => overloadBy(call, seconds) })),
  { title: "thin Reads", run: () => overloadByThinReads(seconds) },
];

console.log(`${describePinning()}; ${seconds} s; load ${loadavg()[0]!.toFixed(1)}`);
const missed: string[] = [];
for (const { title, run } of cases) {
  if (!title.toLowerCase().includes(values.case.toLowerCase())) continue;
  missed.push(...(await run()));
}
for (const bar of missed) console.error(`MISSED: ${bar}`);
process.exit(missed.length === 0 ? 0 : 1);
