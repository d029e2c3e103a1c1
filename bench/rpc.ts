/**
 * A real node under load over the wire, beside other servers that take turns with it: `bun run bench:rpc [--json]
 * [--rounds N] [--seconds N] [--case NAME] [--unpinned] [--write-docs]`. PAIRDB_BIN measures the single executable.
 *
 * A round that a server's own counters do not confirm fails the benchmark. See docs/performance.md.
 */
import { isH2loadThere } from "../test/support/h2load.ts";
import { writeDocuments } from "./engine/document.ts";
import { progress } from "./engine/measure.ts";
import { printTable } from "./engine/report.ts";
import type { Row } from "./engine/row.ts";
import { groups } from "./rpc/groups.ts";
import { unpin } from "./rpc/processors.ts";
import { describe, readSettings } from "./rpc/settings.ts";

const settings = readSettings(process.argv.slice(2));
if (!isH2loadThere()) {
  console.error("bench: h2load is missing; it comes with Debian's package nghttp2-client");
  process.exit(1);
}
if (settings.unpinned) unpin();

const rows: Row[] = [];
for (const { cases } of groups) {
  for (const { name, run } of cases) {
    if (settings.only !== undefined && !name.includes(settings.only)) continue;
    progress(`${name} …`);
    rows.push(await run(settings));
  }
}
if (settings.json) console.log(JSON.stringify(rows));
else printTable(rows);
if (settings.writeDocs) {
  const documented = groups.map((group) => ({ ...group, cases: group.cases.map(({ name }) => name) }));
  writeDocuments("rpc", documented, rows, describe(settings));
}
