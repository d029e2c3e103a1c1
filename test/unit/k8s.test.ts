/** The manifests of k8s and the Dockerfile agree with each other and with the code. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { refuseUnaskedExposure } from "../../src/config/exposure.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { serve } from "../support/command-line.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const root = join(import.meta.dir, "../..");
const folder = join(root, "k8s");

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly annotations: Record<string, string>;
}

interface Port {
  readonly name: string;
  readonly port: number;
  readonly targetPort: string;
  readonly containerPort: number;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

function manifest<Spec = unknown>(file: string): { kind: string; metadata: Metadata; spec: Spec } {
  return parse(readFileSync(join(folder, file), "utf8"));
}

interface ServiceSpec {
  readonly clusterIP?: string;
  readonly selector: Record<string, string>;
  readonly ports: readonly Port[];
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string }[];
  readonly ports: readonly Port[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: Record<string, unknown>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface StatefulSetSpec {
  readonly serviceName: string;
  readonly selector: { readonly matchLabels: Record<string, string> };
  readonly template: {
    readonly metadata: Metadata;
    readonly spec: {
      readonly terminationGracePeriodSeconds: number;
      readonly securityContext: Record<string, unknown>;
      readonly containers: readonly Container[];
      readonly volumes: readonly { readonly name: string; readonly configMap: { readonly name: string } }[];
    };
  };
  readonly volumeClaimTemplates: readonly { readonly metadata: Metadata }[];
}

const statefulSet = manifest<StatefulSetSpec>("statefulset.yaml");
const services = ["service.yaml", "service-headless.yaml"].map((file) => manifest<ServiceSpec>(file));
const configMap = parse(readFileSync(join(folder, "configmap.yaml"), "utf8"));
const pod = statefulSet.spec.template;
const container = pod.spec.containers[0]!;
const configurationFile: string = configMap.data["config.yaml"];
const { configuration, warnings } = loadConfiguration({
  file: "config.yaml",
  readText: () => configurationFile,
  environment: { NODE_ID: "pairdb-storage-node-0" },
  flags: new Map(),
  hostName: "host",
  memoryLimitBytes: 2 ** 33,
});

function mountPath(name: string): string {
  return container.volumeMounts.find((mount) => mount.name === name)?.mountPath ?? "";
}

test("the kustomization lists every other file, all of one namespace", () => {
  const files = readdirSync(folder).filter((file) => file !== "kustomization.yaml");
  const { resources } = parse(readFileSync(join(folder, "kustomization.yaml"), "utf8"));
  expect([...resources].sort()).toEqual(files.sort());
  const namespace = manifest("namespace.yaml").metadata.name;
  const others = files.map((file) => manifest(file)).filter(({ kind }) => kind !== "Namespace");
  expect(others.map(({ metadata }) => metadata.namespace)).toEqual(others.map(() => namespace));
});

describe("the configuration", () => {
  test("loads without a warning, and may listen where it says", () => {
    expect(warnings).toEqual([]);
    refuseUnaskedExposure(configuration);
    expect(configuration.server).toMatchObject({ node_id: "pairdb-storage-node-0", host: "0.0.0.0" });
  });

  test("is where the node looks for it", () => {
    expect(container.args).toEqual(["serve", "--config", join(mountPath("config"), "config.yaml")]);
    const [volume] = pod.spec.volumes;
    expect(volume).toEqual({ name: "config", configMap: { name: configMap.metadata.name } });
    expect(container.env.map(({ name }) => name)).toEqual(["NODE_ID"]);
  });

  test("keeps the data on the claimed volume", () => {
    expect(statefulSet.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual(["data"]);
    expect(dirname(configuration.storage.data_dir)).toBe(mountPath("data"));
  });

  test("leaves time for a shutdown", () => {
    const graceMs = pod.spec.terminationGracePeriodSeconds * 1000;
    expect(graceMs).toBeGreaterThan(configuration.server.shutdown_timeout);
  });
});

describe("ports", () => {
  const ports = { grpc: configuration.server.port, http: configuration.http.port };

  test("of the container", () => {
    const opened = container.ports.map(({ name, containerPort }) => [name, containerPort]);
    expect(Object.fromEntries(opened)).toEqual(ports);
  });

  test.each(services)("of $metadata.name", ({ spec }) => {
    expect(Object.fromEntries(spec.ports.map(({ name, port }) => [name, port]))).toEqual(ports);
    expect(spec.ports.map(({ targetPort }) => targetPort)).toEqual(spec.ports.map(({ name }) => name));
  });

  test("of the metrics", () => {
    expect(pod.metadata.annotations).toEqual({
      "prometheus.io/scrape": String(configuration.metrics.enabled),
      "prometheus.io/port": String(configuration.http.port),
      "prometheus.io/path": configuration.metrics.path,
    });
  });
});

test("services and set select the pods", () => {
  expect(statefulSet.spec.selector.matchLabels).toEqual(pod.metadata.labels ?? {});
  for (const { spec } of services) expect(spec.selector).toEqual(pod.metadata.labels ?? {});
  const headless = services.find(({ spec }) => spec.clusterIP === "None");
  expect(statefulSet.spec.serviceName).toBe(headless?.metadata.name ?? "");
});

test("the pod has no rights that it does not need", () => {
  expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 });
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
});

test("a node with this configuration answers to the probes and to the service's names", async () => {
  const file = join(temporaryFolder(), "config.yaml");
  writeFileSync(file, configurationFile);
  const node = await serve(["--config", file]);
  const { startupProbe, livenessProbe, readinessProbe } = container;
  expect(startupProbe.httpGet.path).toBe("/health/live");
  for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
    expect(httpGet.port).toBe("http");
    expect((await fetch(node.httpUrl + httpGet.path)).status).toBe(200);
  }
  expect((await fetch(node.httpUrl + configuration.metrics.path)).status).toBe(200);

  const service = services.find(({ spec }) => spec.clusterIP === undefined)!.metadata;
  const read = async (host: string) => {
    const url = `${node.httpUrl}/storage.StorageNodeService/Read`;
    const headers = { host, "content-type": "application/json" };
    const body = JSON.stringify({ tenantId: "default", key: "a" });
    return (await fetch(url, { method: "POST", headers, body })).status;
  };
  const names = [
    "",
    `.${service.namespace}`,
    `.${service.namespace}.svc`,
    `.${service.namespace}.svc.cluster.local`,
  ];
  for (const suffix of names) expect(await read(`${service.name}${suffix}:9091`)).toBe(200);
  expect(await read("elsewhere.example")).toBe(421);
});

describe("the Dockerfile", () => {
  const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");
  const ignore = readFileSync(join(root, ".dockerignore"), "utf8");
  const instructions = (name: string) =>
    [...dockerfile.matchAll(new RegExp(`^${name} (.*)$`, "gm"))].map(([, rest]) => rest ?? "");

  test("copies files that are there and not ignored", () => {
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
    expect(container.image).toBe(`${packageJson.name}:${packageJson.version}`);
    expect(dockerfile).toContain(`docker build -t ${container.image} .`);
    const { runAsUser, runAsGroup } = pod.spec.securityContext;
    expect(instructions("USER")).toEqual([`${runAsUser}:${runAsGroup}`]);
    expect(instructions("EXPOSE")).toEqual([`${configuration.server.port} ${configuration.http.port}`]);
    expect(instructions("VOLUME")).toEqual([mountPath("data")]);
    expect(instructions("ENV")).toEqual([`PAIRDB_STORAGE_DATA_DIR=${configuration.storage.data_dir}`]);
  });
});
