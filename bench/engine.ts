/**
 * The engine beside other stores on this machine, taking turns: `bun run bench:engine [--json] [--entries N]
 * [--value-bytes N] [--rounds N] [--case NAME] [--write-docs]`.
 *
 * A wrong answer of anybody fails the benchmark. See docs/performance.md for what is measured and how to read it.
 */
import { groups } from "./engine/groups.ts";
import { runGroup, runGroups } from "./engine/run.ts";
import { readSettings } from "./engine/settings.ts";

const settings = readSettings(process.argv.slice(2));
if (settings.group === undefined) await runGroups(settings, groups);
else await runGroup(settings, groups.find(({ name }) => name === settings.group)!);
