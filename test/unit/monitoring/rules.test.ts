/** The rules for Prometheus: sound, tested, about metrics that there are, and explained. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { dashboardDescriptions, fullQuery } from "../../../scripts/support/dashboards.ts";
import { generatedMonitoring, ruleGroups } from "../../../scripts/support/monitoring.ts";
import { readDocument } from "../../support/documents.ts";
import { alerts, knownSeries, seriesOf } from "../../support/monitoring.ts";
import { requirePeer } from "../../support/peers.ts";

const root = join(import.meta.dir, "../../..");
const hasPromtool = requirePeer("promtool", () => Bun.which("promtool") !== null);

interface UnitTest {
  readonly name: string;
  readonly alert_rule_test: readonly {
    readonly alertname: string;
    readonly exp_alerts: readonly unknown[];
  }[];
}

function promtool(...args: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["promtool", ...args], { cwd: root, stderr: "pipe" });
  return { exitCode, output: stdout.toString() + stderr.toString() };
}

describe.if(hasPromtool)("promtool", () => {
  test("finds the rules sound", () => {
    const files = ["monitoring/rules/alerts.yaml", "monitoring/rules/recording.yaml"];
    const { exitCode, output } = promtool("check", "rules", "--lint=all", "--lint-fatal", ...files);
    expect([exitCode, output]).toEqual([0, expect.stringContaining("SUCCESS")]);
  });

  test("finds that each alert fires when it should, and only then", () => {
    const { exitCode, output } = promtool("test", "rules", "monitoring/tests/alerts.yaml");
    expect([exitCode, output]).toEqual([0, expect.stringContaining("SUCCESS")]);
  }, 60_000);
});

test("each alert is tested where it fires and where it does not", () => {
  const { tests } = parse(readFileSync(join(root, "monitoring/tests/alerts.yaml"), "utf8")) as {
    tests: UnitTest[];
  };
  const outcomes = tests.flatMap((unitTest) => unitTest.alert_rule_test);
  for (const { alert } of alerts()) {
    const counts = outcomes
      .filter(({ alertname }) => alertname === alert)
      .map((one) => one.exp_alerts.length);
    expect([alert, counts.includes(0), counts.some((count) => count > 0)]).toEqual([alert, true, true]);
  }
});

test("rules ask for metrics that there are", () => {
  const known = knownSeries();
  const rules = ruleGroups().flatMap((group) => group.rules);
  const asked = rules.flatMap(({ expr }) => seriesOf(expr));
  expect(asked.length).toBeGreaterThan(rules.length - 3);
  expect(asked.filter((name) => !known.has(name))).toEqual([]);
});

test("each alert has a section in the runbook with meaning, first look and fix, and its row in the list", () => {
  const runbook = readDocument("docs/runbook.md");
  const sections = new Map(
    [...runbook.matchAll(/^## (\S+)\n(.*?)(?=^## |$(?![\s\S]))/gms)].map(([, title, text]) => [title, text]),
  );
  const named = alerts().map(({ alert }) => alert);
  expect([...sections.keys()]).toEqual(named);
  for (const [title, text] of sections) {
    const parts = [...text!.matchAll(/^\*\*(.+?)\.\*\*/gm)].map(([, part]) => part);
    expect([title, parts]).toEqual([title, ["Meaning", "First look", "Fix"]]);
  }
  for (const { alert, annotations, labels, for: duration } of alerts()) {
    expect(annotations?.["runbook_url"]).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    const row = readDocument("docs/monitoring.md")
      .split("\n")
      .find((line) => line.startsWith(`| [${alert}](runbook.md#${alert.toLowerCase()}) |`));
    expect(row).toEndWith(`| ${labels?.["severity"]} |`);
    if (duration !== "0m") expect(row).toContain(`, for ${duration} |`);
  }
});

test("the runbook's commands have verbs that exist", () => {
  const program = readDocument("docs/runbook.md");
  const verbs = new Set([...program.matchAll(/`?pairdb-node ([a-z][\w-]*)/g)].map(([, verb]) => verb));
  expect(verbs.size).toBeGreaterThan(8);
  const commands = new Bun.Glob("*.ts").scanSync(join(root, "src/cli/commands"));
  const existing = new Set([...commands].map((file) => file.replace(/\.ts$/, "")));
  expect([...verbs].filter((verb) => !existing.has(verb!))).toEqual([]);
});

test("keys of the configuration that the runbook names exist", () => {
  const configuration = readDocument("docs/configuration.md");
  const keys = [...readDocument("docs/runbook.md").matchAll(/`([a-z_]+)\.([a-z_]+)`/g)];
  const sections = /^(cache|compaction|commit_log|mem_table|storage|tls|gossip|limits|metrics)$/;
  const missing = keys.filter(
    ([, section = "", key]) => sections.test(section) && !configuration.includes(`\`${key}\``),
  );
  expect(missing.map(([text]) => text)).toEqual([]);
});

test("panels ask for metrics that there are, and the runbook names panels that there are", () => {
  const known = knownSeries();
  const dashboards = Object.values(dashboardDescriptions());
  const panels = dashboards.flatMap((dashboard) => dashboard.panels);
  const queries = panels.flatMap((panel) => Object.values(panel.queries));
  const asked = queries.flatMap(seriesOf);
  expect(asked.length).toBeGreaterThanOrEqual(queries.length - 2);
  expect(asked.filter((name) => !known.has(name))).toEqual([]);
  expect(queries.filter((query) => fullQuery(query).includes("{$node") || /\{\}/.test(query))).toEqual([]);

  const titles = panels.map(({ title }) => title);
  const runbook = readDocument("docs/runbook.md").replaceAll("\n", " ");
  const sentences = [...runbook.matchAll(/\bpanels? ("[^.;]+)/g)].map(([, sentence]) => sentence!);
  const named = sentences.flatMap((sentence) =>
    [...sentence.matchAll(/"([^"]+)"/g)].map(([, title]) => title!),
  );
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((title) => !titles.includes(title))).toEqual([]);
});

test("what is made of rules and descriptions is in step with them", () => {
  for (const [path, text] of generatedMonitoring()) {
    const isInStep = readFileSync(join(root, path), "utf8") === text;
    expect(isInStep ? path : `${path} is stale: run just monitoring`).toBe(path);
  }
});
