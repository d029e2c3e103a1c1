/** `compare`: what differs between two nodes, without moving the records themselves. */
import type { Command } from "commander";
import type { DifferenceKind } from "../../migration/digest-join.ts";
import { describeNodeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { type Progress, startProgress } from "../progress.ts";
import { escapeText } from "../records/tsv.ts";
import { type Comparison, compareNodes } from "../replicas/comparison.ts";
import { addPeerOptions, type PeerOptions, splitTenantAndKey, withBoth } from "../replicas/peer-options.ts";
import { columns } from "../units.ts";

interface CompareOptions extends PeerOptions {
  readonly with: string;
  readonly keys?: true;
}

type Counts = Record<DifferenceKind, number>;

export function compareCommand(context: CommandContext): Command {
  const command = describeNodeCommand(
    "compare",
    "Compare the records of two nodes; exits with 1 where they differ.",
    [
      "compare --with storage-node-2:50052",
      "compare --with storage-node-2:50052 --keys --tenant shop",
      "compare --with storage-node-2:50052 --range 0x0-0x8000000000000000 --json",
    ],
  )
    .requiredOption("--with <host:port>", "gRPC address of the other node")
    .option("--keys", "list the keys that differ: what about them, tenant and key");
  return addPeerOptions(command).action((options: CompareOptions) => compare(context, options));
}

async function compare(context: CommandContext, options: CompareOptions): Promise<void> {
  const progress = startProgress(context, "compare");
  try {
    await withBoth(context, options, options.with, async (here, there) => {
      progress.update(0, "both nodes sum up their records");
      const scope = { tenantId: options.tenant, ranges: options.range };
      const comparison = await compareNodes(here, there, scope, context.environment.clock.nowMs());
      const counts = await count(context, options, comparison, progress);
      progress.stop();
      await report(context, options, comparison, counts);
    });
  } finally {
    progress.stop();
  }
}

async function count(
  context: CommandContext,
  options: CompareOptions,
  comparison: Comparison,
  progress: Progress,
): Promise<Counts> {
  const counts: Counts = { missing_here: 0, missing_there: 0, different: 0 };
  let total = 0;
  for await (const { key, kind } of comparison.differences()) {
    counts[kind]++;
    if (++total % 1000 === 0) progress.update(total, `${total} keys differ so far`);
    if (options.keys) await printKey(context, options, key, kind);
  }
  return counts;
}

async function printKey(
  context: CommandContext,
  options: CompareOptions,
  tenantAndKey: string,
  kind: DifferenceKind,
): Promise<void> {
  const { tenantId: tenant, key } = splitTenantAndKey(tenantAndKey);
  if (options.json) await printJson(context, { difference: kind, tenant, key });
  else await context.print(`${kind}\t${escapeText(tenant)}\t${escapeText(key)}\n`);
}

async function report(
  context: CommandContext,
  options: CompareOptions,
  { recordsHere, recordsThere }: Comparison,
  counts: Counts,
): Promise<void> {
  const isEqual = Object.values(counts).every((count) => count === 0);
  if (!isEqual) context.exitCode = exitCodes.failure;
  if (options.json) {
    const records = { records_here: recordsHere, records_there: recordsThere };
    await printJson(context, { equal: isEqual, ...records, ...counts });
    return;
  }
  const table = columns([
    ["records here", String(recordsHere)],
    ["records there", String(recordsThere)],
    ["missing here", String(counts.missing_here)],
    ["missing there", String(counts.missing_there)],
    ["different", String(counts.different)],
  ]);
  // With a list of keys the output is that list alone.
  if (options.keys) for (const line of table.trimEnd().split("\n")) context.note(line);
  else await context.print(table);
}
