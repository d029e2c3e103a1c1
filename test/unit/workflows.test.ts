/** The workflows for GitHub run what .ci/run runs, and name scripts and files that are there. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };

const root = join(import.meta.dir, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
}

interface Job {
  readonly steps: readonly Step[];
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly permissions?: Readonly<Record<string, string>>;
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const ci: Workflow = parse(read(".github/workflows/ci.yml"));
const release: Workflow = parse(read(".github/workflows/release.yml"));
const gate = read(".ci/run");

function commands({ jobs }: Workflow): string[] {
  return Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
}

describe.each([
  ["ci", ci],
  ["release", release],
])("%s", (_, workflow) => {
  const lines = commands(workflow);

  test("runs the whole gate before anything is released", () => {
    expect(workflow.jobs["check"]?.steps.map(({ run }) => run)).toContain(".ci/run");
  });

  test("calls the project's Bun, as the gate does, and scripts that are there", () => {
    const ofGate = /npx -y [\w@.]+/.exec(gate)?.[0];
    expect(ofGate).toBe(`npx -y ${packageJson.packageManager}`);
    const called = lines.filter((line) => line.startsWith("npx"));
    expect(called.length).toBeGreaterThan(0);
    for (const line of called) {
      expect(line).toStartWith(`${ofGate} `);
      const script = / run (\S+)/.exec(line)?.[1];
      if (script === undefined) expect(line).toEndWith("install --frozen-lockfile");
      else expect(Object.keys(packageJson.scripts)).toContain(script);
    }
  });

  test("may do no more than it needs, with actions of GitHub alone", () => {
    expect(workflow.permissions).toEqual({ contents: "read" });
    const raised = Object.entries(workflow.jobs).filter(([, { permissions }]) => permissions !== undefined);
    expect(raised.map(([name]) => name)).toEqual(workflow === release ? ["release"] : []);
    const used = Object.values(workflow.jobs).flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
    expect(used.filter((action) => !/^actions\/[a-z-]+@v\d+$/.test(action))).toEqual([]);
  });
});

test("the gate installs, builds, and checks with coverage", () => {
  for (const step of ["install --frozen-lockfile", "run build", "run check --coverage"]) {
    expect(gate).toContain(`"\${bun[@]}" ${step}\n`);
  }
});

describe("executables", () => {
  const known = [
    ...(/const platforms = \[(.*)\]/.exec(read("scripts/build.ts"))?.[1] ?? "").matchAll(/"([^"]+)"/g),
  ];
  const platforms = known.map(([, platform = ""]) => platform);

  test("are built for every platform, in both workflows", () => {
    expect(platforms).toEqual(["linux-x64", "linux-arm64"]);
    expect(ci.jobs["build"]?.strategy?.matrix["platform"]).toEqual(platforms);
    const built = commands(release).flatMap((line) => /run build --platform (\S+)/.exec(line)?.[1] ?? []);
    expect(built).toEqual(platforms);
  });

  test("are released with what they are made of, and all of it with checksums", () => {
    const files = [...platforms.map((platform) => `pairdb-node-${platform}`), "pairdb-node.cdx.json"];
    const lines = commands(release);
    expect(lines).toContain(`sha256sum ${files.join(" ")} > SHA256SUMS`);
    const released = lines.find((line) => line.startsWith("gh release create"))?.match(/dist\/\S+/g);
    expect([...(released ?? [])]).toEqual([...files, "SHA256SUMS"].map((file) => `dist/${file}`));
    expect(lines.filter((line) => line.includes("sbom"))).toEqual([
      `npx -y ${packageJson.packageManager} run sbom dist/pairdb-node.cdx.json`,
    ]);
  });
});
