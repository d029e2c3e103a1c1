/** The Dockerfile agrees with the project and with the manifests. test/integration/image.test.ts runs what it makes. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { command } from "../support/command-line.ts";
import { instructions } from "../support/dockerfile.ts";

const root = join(import.meta.dir, "../..");
const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");

test("copies files that are there and not ignored", () => {
  const ignore = readFileSync(join(root, ".dockerignore"), "utf8");
  const copies = instructions("COPY").filter((words) => !words.startsWith("--from"));
  const sources = copies.flatMap((words) => words.split(" ").slice(0, -1));
  expect(sources.length).toBeGreaterThan(3);
  expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([]);
  expect([...(ignore.match(/^!.*$/gm) ?? [])].sort()).toEqual(sources.map((source) => `!${source}`).sort());
});

test("installs and builds with the project's Bun and scripts", () => {
  const steps = instructions("RUN").filter((step) => step.startsWith("npx"));
  expect(steps).toEqual([
    `npx -y ${packageJson.packageManager} install --frozen-lockfile`,
    `npx -y ${packageJson.packageManager} run build`,
  ]);
  expect(packageJson.scripts.build).toBe("bun scripts/build.ts");
});

test("makes the image that the set runs", () => {
  const set = parse(readFileSync(join(root, "k8s/base/statefulset.yaml"), "utf8"));
  const { securityContext, containers } = set.spec.template.spec;
  const [container] = containers;
  expect(container.image).toBe(`${packageJson.name}:${packageJson.version}`);
  expect(dockerfile).toContain(`docker build -t ${container.image} .`);
  expect(instructions("USER")).toEqual([`${securityContext.runAsUser}:${securityContext.runAsGroup}`]);
  const configuration = parse(readFileSync(join(root, "k8s/base/config.yaml"), "utf8"));
  expect(instructions("EXPOSE")).toEqual([`${configuration.server.port} ${configuration.metrics.port}`]);
  const { mountPath } = container.volumeMounts.find(({ name }: { name: string }) => name === "data");
  expect(instructions("VOLUME")).toEqual([mountPath]);
  expect(dirname(configuration.storage.data_dir)).toBe(mountPath);
  expect(instructions("ENV")).toEqual([`PAIRDB_STORAGE_DATA_DIR=${configuration.storage.data_dir}`]);
});

test("ends in an image without a shell, so nothing is run there and commands are lists", async () => {
  const last = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));
  expect(last).toStartWith("\nFROM gcr.io/distroless/");
  expect(last).not.toMatch(/^RUN/m);
  const entry = ["/usr/local/bin/pairdb-node"];
  expect(instructions("ENTRYPOINT").map((words) => JSON.parse(words))).toEqual([entry]);
  expect(instructions("CMD").map((words) => JSON.parse(words))).toEqual([["serve"]]);
  const [check = ""] = instructions("HEALTHCHECK");
  expect(JSON.parse(check.slice(check.indexOf("[")))).toEqual([...entry, "healthcheck"]);
  expect((await command(["healthcheck", "--help"])).exitCode).toBe(0);
});
