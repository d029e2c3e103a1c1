/**
 * Runs the groups one after the other, each in a process of its own: so a case gives the same figures alone as among
 * all the others, whatever ran before it.
 */
import { writeDocuments } from "./document.ts";
import { Bench, type Group } from "./group.ts";
import { progress } from "./measure.ts";
import { printTable } from "./report.ts";
import type { Row } from "./row.ts";
import { argumentsFor, type Settings } from "./settings.ts";

/** In the group's own process: its rows as the last line of standard output. */
export async function runGroup(settings: Settings, group: Group): Promise<void> {
  const bench = new Bench(settings);
  try {
    const rows = await group.run(bench);
    console.log(JSON.stringify(rows));
  } finally {
    bench.close();
  }
  // Threads of other stores may still be there.
  process.exit(0);
}

export async function runGroups(settings: Settings, groups: readonly Group[]): Promise<void> {
  const { only } = settings;
  const rows: Row[] = [];
  for (const group of groups) {
    if (only !== undefined && !group.cases.some((name) => name.includes(only))) continue;
    progress(`${group.title} …`);
    rows.push(...(await rowsOf(settings, group)));
  }
  if (settings.json) console.log(JSON.stringify(rows));
  else printTable(rows);
  if (settings.writeDocs) writeDocuments("engine", groups, rows, describe(settings));
}

async function rowsOf(settings: Settings, group: Group): Promise<Row[]> {
  const script = process.argv[1]!;
  const child = Bun.spawn([process.execPath, script, ...argumentsFor(settings, group.name)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error(`the group ${group.name} failed`);
  return JSON.parse(output.trimEnd().split("\n").at(-1)!) as Row[];
}

function describe({ entryCount, valueBytes, roundCount }: Settings): string {
  const rounds = `${roundCount} ${roundCount === 1 ? "round" : "rounds"}`;
  return `${entryCount.toLocaleString("en-US")} entries, values of ${valueBytes} bytes, ${rounds}`;
}
