/** Every manifest is one that Kubernetes and the Prometheus operator take, down to the last field. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  hasKubectl,
  type Manifest,
  manifestFolder,
  parseManifests,
  render,
} from "../../support/kubernetes/rendered.ts";
import { faultsOf } from "../../support/kubernetes/schemas.ts";

const find = (pattern: string) => [...new Bun.Glob(pattern).scanSync(manifestFolder)].sort();

const sources: [name: string, manifests: Manifest[]][] = [
  ...(hasKubectl ? find("**/kustomization.yaml").map((path) => dirname(path)) : []).map(
    (folder): [string, Manifest[]] => [folder, render(folder)],
  ),
  ...find("examples/*.yaml").map((path): [string, Manifest[]] => [
    path,
    parseManifests(readFileSync(join(manifestFolder, path), "utf8")),
  ]),
];

test.each(sources)("%s", (_, manifests) => {
  expect(manifests.length).toBeGreaterThan(0);
  for (const manifest of manifests)
    expect([manifest.metadata.name, faultsOf(manifest)]).toEqual([manifest.metadata.name, []]);
});

describe("what is wrong is found:", () => {
  const read = (file: string) => readFileSync(join(manifestFolder, file), "utf8");
  const set = read("base/statefulset.yaml");
  const monitor = read("monitoring/service-monitor.yaml");
  const job = read("backup/cron-job.yaml");

  test.each([
    ["a misspelt probe", set, "livenessProbe:", "livenesProbe:"],
    ["a misspelt field of a probe", set, "failureThreshold: 3", "failureTreshold: 3"],
    [
      "a field in the wrong place",
      set,
      "      terminationGracePeriodSeconds",
      "  terminationGracePeriodSeconds",
    ],
    ["a misspelt field at the top", set, "\nspec:", "\nspecs:"],
    ["a word for a number", set, "replicas: 3", "replicas: three"],
    ["a number for a word", set, "topologyKey: kubernetes.io/hostname", "topologyKey: 7"],
    ["a required field that is missing", set, "whenUnsatisfiable: ScheduleAnyway", ""],
    ["a misspelt volume", set, "configMap:", "configmap:"],
    ["an unknown kind", set, "kind: StatefulSet", "kind: StatefulSett"],
    ["a misspelt field of a monitor", monitor, "interval:", "intervall:"],
    ["a word that is none of the allowed ones", monitor, "port: http", "port: http\n      scheme: gopher"],
    ["a misspelt field deep in a job", job, "restartPolicy:", "restartPolice:"],
  ])("%s", (_, text, from, to) => {
    expect(text).toContain(from);
    expect(parseManifests(text).flatMap(faultsOf)).toEqual([]);
    expect(parseManifests(text.replace(from, to)).flatMap(faultsOf).length).toBeGreaterThan(0);
  });
});
