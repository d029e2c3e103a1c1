/** The manifests of k8s agree with each other, with the node's configuration, and with what the node serves. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { IServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import type { ICronJob } from "kubernetes-models/batch/v1";
import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import type { IPodDisruptionBudget } from "kubernetes-models/policy/v1";
import type { IHTTPGetAction, IPodSpec, IService } from "kubernetes-models/v1";
import { parse } from "yaml";
import packageJson from "../../../package.json" with { type: "json" };
import { announcedHost } from "../../../src/cli/registration.ts";
import { exposureWarnings, refuseUnaskedExposure } from "../../../src/config/exposure.ts";
import { command, serve } from "../../support/command-line.ts";
import { hasKubectl, manifestFolder, Rendered, render } from "../../support/kubernetes/rendered.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

const second = 1000;
const image = `${packageJson.name}:${packageJson.version}`;
const environments = hasKubectl ? ["base", "overlays/dev", "overlays/prod"] : [];

/** By folder, since a rendering takes a while. */
const rendered = new Map(environments.map((folder) => [folder, new Rendered(folder)]));

describe.each(environments)("%s", (folder) => {
  const manifests = rendered.get(folder)!;
  const { statefulSet, pod, container } = manifests;
  const { configuration, warnings } = manifests.configuration();
  const services = manifests.all<IService>("Service");
  const headless = services.find(({ spec }) => spec?.clusterIP === "None")!;
  const balanced = services.find(({ spec }) => spec?.clusterIP !== "None")!;
  const podLabels = statefulSet.spec?.template.metadata?.labels ?? {};
  const namespace = manifests.one("Namespace").metadata.name;
  const isSecured = configuration.tls.cert_file !== undefined;
  const mountPath = (name: string) => container.volumeMounts?.find((mount) => mount.name === name)?.mountPath;
  const domain = (name = "") => `${name}.${namespace}.svc.cluster.local`;

  test("everything is in the one namespace", () => {
    const inside = manifests.manifests.filter(({ kind }) => kind !== "Namespace");
    expect(new Set(inside.map(({ metadata }) => metadata.namespace))).toEqual(new Set([namespace]));
  });

  test("the configuration loads without a warning, and may listen where it says", () => {
    expect(warnings).toEqual([]);
    refuseUnaskedExposure(configuration);
    expect(exposureWarnings(configuration).length).toBe(isSecured ? 0 : 2);
    expect(configuration.server).toMatchObject({ node_id: "pairdb-storage-node-0", host: "0.0.0.0" });
    expect(configuration.gossip.advertise_host).toBe("10.0.0.7");
  });

  test("commands name the program, its commands and the configuration file", async () => {
    const file = join(mountPath("config")!, "config.yaml");
    expect(container.command).toBeUndefined();
    expect(container.args).toEqual(["serve", "--config", file]);
    const preStop = container.lifecycle?.preStop?.exec?.command;
    expect(preStop).toEqual(["/usr/local/bin/pairdb-node", "prestop", "--config", file]);
    for (const verb of ["serve", "prestop"]) expect((await command([verb, "--help"])).exitCode).toBe(0);
  });

  test("the data lies on the claimed volume, and nothing else can be written to", () => {
    expect(statefulSet.spec?.volumeClaimTemplates?.map(({ metadata }) => metadata?.name)).toEqual(["data"]);
    expect(dirname(configuration.storage.data_dir)).toBe(mountPath("data")!);
    const writable = container.volumeMounts?.filter(({ readOnly }) => readOnly !== true);
    expect(writable?.map(({ name }) => name)).toEqual(["data"]);
    expect(container.securityContext?.readOnlyRootFilesystem).toBe(true);
  });

  test("a shutdown has the time that it may take", () => {
    const { drain_delay, shutdown_timeout } = configuration.server;
    expect(drain_delay).toBeGreaterThan(0);
    expect(pod.terminationGracePeriodSeconds! * second).toBeGreaterThanOrEqual(
      drain_delay + shutdown_timeout + 10 * second,
    );
  });

  test("ports are those of the configuration", () => {
    const gossip = configuration.gossip.bind_port;
    const outer = { grpc: configuration.server.port, http: configuration.http.port };
    const all = { ...outer, gossip, "gossip-udp": gossip };
    expect(Object.fromEntries(container.ports!.map((port) => [port.name, port.containerPort]))).toEqual(all);
    expect(container.ports!.filter((port) => port.protocol === "UDP").map(({ name }) => name)).toEqual([
      "gossip-udp",
    ]);
    for (const [{ spec }, expected] of [
      [headless, all],
      [balanced, outer],
    ] as const) {
      expect(Object.fromEntries(spec!.ports!.map(({ name, port }) => [name, port]))).toEqual(expected);
      expect(spec!.ports!.map(({ targetPort }) => targetPort)).toEqual(spec!.ports!.map(({ name }) => name));
      const protocols = new Map(container.ports!.map((port) => [port.name, port.protocol ?? "TCP"]));
      for (const { name, protocol = "TCP" } of spec!.ports!) expect(protocols.get(name!)).toBe(protocol);
    }
  });

  test("proxies are told whether there is TLS", () => {
    const told = services.flatMap(({ spec }) => spec!.ports!.map(({ appProtocol }) => appProtocol));
    const expected = isSecured ? ["https", undefined] : ["kubernetes.io/h2c", undefined];
    expect(new Set(told)).toEqual(new Set(expected));
  });

  test("selectors find the pods", () => {
    const selectors = [
      statefulSet.spec!.selector.matchLabels,
      ...services.map(({ spec }) => spec?.selector),
      manifests.one<IPodDisruptionBudget>("PodDisruptionBudget").spec?.selector?.matchLabels,
      manifests.one<INetworkPolicy>("NetworkPolicy").spec?.podSelector?.matchLabels,
      ...pod.topologySpreadConstraints!.map(({ labelSelector }) => labelSelector?.matchLabels),
      ...pod.affinity!.podAntiAffinity!.requiredDuringSchedulingIgnoredDuringExecution!.map(
        ({ labelSelector }) => labelSelector?.matchLabels,
      ),
    ];
    expect(selectors.length).toBe(7);
    for (const selector of selectors) expect(selector).toEqual(podLabels);
    const { serviceAccountName } = pod;
    expect(manifests.one("ServiceAccount").metadata.name).toBe(serviceAccountName!);
  });

  test("pods have the names by which nodes register and join", () => {
    const variables = manifests.environment;
    expect(variables).toMatchObject({ NODE_ID: "pairdb-storage-node-0", POD_NAMESPACE: namespace });
    const podName = variables["NODE_ID"] ?? "";
    expect(announcedHost(configuration, variables)).toBe(`${podName}.${domain(headless.metadata?.name)}`);
    expect(statefulSet.spec?.serviceName).toBe(headless.metadata!.name!);
    expect(headless.spec?.publishNotReadyAddresses).toBe(true);
    const { seed_nodes, bind_port } = configuration.gossip;
    expect(seed_nodes).toEqual([`${domain(headless.metadata?.name)}:${bind_port}`]);
    const name = balanced.metadata!.name!;
    const names = [name, `${name}.${namespace}`, `${name}.${namespace}.svc`, domain(name)];
    expect(configuration.server.allowed_hosts).toEqual(names);
  });

  test("the network policy names ports that are there", () => {
    const { ingress, egress } = manifests.one<INetworkPolicy>("NetworkPolicy").spec!;
    const opened = ingress!.flatMap((rule) => rule.ports!.map(({ port, protocol }) => [port, protocol]));
    const known = container.ports!.map(({ name, protocol }) => [name, protocol]);
    expect(known).toEqual(expect.arrayContaining(opened));
    expect(new Set(opened.map(([port]) => port))).toEqual(new Set(known.map(([name]) => name)));
    const reached = egress!.flatMap((rule) => rule.ports!.map(({ port }) => port));
    const { server, gossip, coordinator } = configuration;
    expect(new Set(reached)).toEqual(new Set([server.port, gossip.bind_port, coordinator.port, 53]));
  });

  test("the disruption budget leaves room for one, or for the only one", () => {
    const { minAvailable } = manifests.one<IPodDisruptionBudget>("PodDisruptionBudget").spec!;
    expect(minAvailable).toBe(statefulSet.spec!.replicas! - 1);
  });

  test("the pods have no rights that they do not need", () => {
    expectNoRights(pod);
    const kinds = manifests.manifests.map(({ kind }) => kind);
    expect(kinds.filter((kind) => /Role/.test(kind))).toEqual([]);
    expect(manifests.one<Record<string, unknown>>("ServiceAccount")["automountServiceAccountToken"]).toBe(
      false,
    );
  });

  test("secrets can be read by the node alone, and lie where the configuration looks", () => {
    const secrets = pod.volumes!.filter(({ secret }) => secret !== undefined);
    for (const { secret } of secrets) expect([0o400, 0o440]).toContain(secret!.defaultMode!);
    const { tls, auth, gossip, cluster } = configuration;
    const files = [
      tls.cert_file,
      tls.key_file,
      auth.token_file,
      gossip.key_file,
      cluster.tls?.ca_file,
      cluster.token_file,
    ].filter((file) => file !== undefined);
    const folders = secrets.map(({ name }) => mountPath(name)!);
    expect(new Set(files.map(dirname))).toEqual(new Set(folders));
  });

  test("every pod runs the image that the Dockerfile makes", () => {
    expect(container.image).toBe(image);
  });

  test("Prometheus finds the pods and their metrics", () => {
    const monitors = manifests.all<IServiceMonitor>("ServiceMonitor");
    expect(monitors.length).toBe(isSecured ? 1 : 0);
    for (const { spec } of monitors) {
      const wanted = Object.entries(spec!.selector.matchLabels!);
      const found = services.filter(({ metadata }) =>
        wanted.every(([name, value]) => metadata?.labels?.[name] === value),
      );
      expect(found).toEqual([headless]);
      const [endpoint] = spec!.endpoints;
      expect(endpoint).toMatchObject({ port: "http", path: configuration.metrics.path, scheme: "https" });
      expect(endpoint?.tlsConfig?.serverName).toBe(`${balanced.metadata?.name}.${namespace}.svc`);
    }
  });

  test("probes ask the HTTP port, and a long recovery does not fail those that kill", () => {
    const { startupProbe, livenessProbe, readinessProbe } = container;
    const scheme: IHTTPGetAction = isSecured ? { port: "http", scheme: "HTTPS" } : { port: "http" };
    const live = { ...scheme, path: "/health/live" };
    expect(startupProbe?.httpGet).toEqual(live);
    expect(livenessProbe?.httpGet).toEqual(live);
    expect(readinessProbe?.httpGet).toEqual({ ...live, path: "/health/ready" });
  });
});

test.if(hasKubectl)(
  "a node with the base's file answers to its probes and to the service's names",
  async () => {
    const { container, configurationFile, manifests } = rendered.get("base")!;
    const file = join(temporaryFolder(), "config.yaml");
    writeFileSync(file, configurationFile);
    // Nobody is to be waited for here, and no ring to be joined.
    const variables = { PAIRDB_GOSSIP_ENABLED: "false", PAIRDB_SERVER_DRAIN_DELAY: "0s" };
    const node = await serve(["--config", file], { variables });
    const { startupProbe, livenessProbe, readinessProbe } = container;
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
      expect((await fetch(node.httpUrl + probe!.httpGet!.path)).status).toBe(200);
    }
    expect((await fetch(`${node.httpUrl}/metrics`)).status).toBe(200);
    const read = async (host: string) => {
      const headers = { host, "content-type": "application/json" };
      const body = JSON.stringify({ tenantId: "default", key: "a" });
      const url = `${node.httpUrl}/storage.StorageNodeService/Read`;
      return (await fetch(url, { method: "POST", headers, body })).status;
    };
    const names = manifests.filter(
      ({ kind, metadata }) => kind === "Service" && !/headless/.test(metadata.name),
    );
    for (const { metadata } of names) {
      for (const suffix of ["", ".pairdb", ".pairdb.svc", ".pairdb.svc.cluster.local"]) {
        expect(await read(`${metadata.name}${suffix}:9091`)).toBe(200);
      }
    }
    expect(await read("elsewhere.example")).toBe(421);
  },
);

/** The rights of Kubernetes' profile "restricted", and a read-only root. */
function expectNoRights(spec: IPodSpec): void {
  expect(spec.automountServiceAccountToken).toBe(false);
  expect(spec.securityContext).toMatchObject({
    runAsNonRoot: true,
    runAsUser: 1000,
    runAsGroup: 1000,
    fsGroup: 1000,
    seccompProfile: { type: "RuntimeDefault" },
  });
  for (const { securityContext, resources } of [...(spec.initContainers ?? []), ...spec.containers]) {
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    for (const name of ["cpu", "memory"]) {
      expect(resources?.requests?.[name]).toBeDefined();
      expect(resources?.limits?.[name]).toBeDefined();
    }
  }
}

test.if(hasKubectl)("three nodes, with the sizes that were asked for", () => {
  for (const folder of ["base", "overlays/prod"]) {
    const { statefulSet, container } = rendered.get(folder)!;
    expect(statefulSet.spec?.replicas).toBe(3);
    expect(container.resources).toEqual({
      requests: { cpu: "500m", memory: "1Gi" },
      limits: { cpu: "2000m", memory: "4Gi" },
    });
    expect(statefulSet.spec?.volumeClaimTemplates?.[0]?.spec).toMatchObject({
      storageClassName: "fast-ssd",
      resources: { requests: { storage: "100Gi" } },
    });
  }
});

test.if(hasKubectl)("production differs from the base in TLS, tokens and sealed gossip alone", () => {
  const [base, prod] = ["base", "overlays/prod"].map((folder) =>
    parse(rendered.get(folder)!.configurationFile),
  );
  const { tls, auth, gossip, cluster, ...rest } = prod;
  const { key_file, ...plainGossip } = gossip;
  expect({ ...rest, gossip: plainGossip, auth: { mode: "none" } }).toEqual(base);
  expect(Object.keys(cluster)).toEqual(["tls", "token_file"]);
  expect([Object.keys(tls), Object.keys(auth), key_file !== undefined]).toEqual([
    ["cert_file", "key_file"],
    ["mode", "token_file"],
    true,
  ]);
});

test.if(hasKubectl)("backups are asked of every node in turn", () => {
  const prod = rendered.get("overlays/prod")!;
  const manifests = render("backup");
  const cronJob = manifests.find(({ kind }) => kind === "CronJob") as ICronJob | undefined;
  const spec = cronJob!.spec!.jobTemplate.spec!.template.spec!;
  expectNoRights(spec);
  const turns = [...spec.initContainers!, ...spec.containers];
  const addresses = turns.map(({ args }) => args![args!.indexOf("--addr") + 1]);
  const { name, namespace } = prod.statefulSet.metadata!;
  const { serviceName, replicas } = prod.statefulSet.spec!;
  const port = prod.configuration().configuration.server.port;
  const nodes = Array.from({ length: replicas! }, (_, ordinal) => `${name}-${ordinal}`);
  expect(addresses).toEqual(
    nodes.map((node) => `${node}.${serviceName}.${namespace}.svc.cluster.local:${port}`),
  );
  for (const { args, image: itsImage, volumeMounts } of turns) {
    expect(args!.slice(0, 2)).toEqual(["backup", "create"]);
    expect(itsImage).toBe(image);
    for (const flag of ["--ca-file", "--token-file"]) {
      const file = args![args!.indexOf(flag) + 1]!;
      expect(volumeMounts!.map(({ mountPath }) => mountPath)).toContain(dirname(file));
    }
  }
  for (const { secret } of spec.volumes!) expect([0o400, 0o440]).toContain(secret!.defaultMode!);
  // Nodes write to a volume: no way out of the cluster is opened for them.
  const policies = manifests.filter(({ kind }) => kind === "NetworkPolicy") as INetworkPolicy[];
  const jobLabels = cronJob!.spec!.jobTemplate.spec!.template.metadata!.labels;
  expect(policies.map((policy) => policy.spec?.podSelector?.matchLabels)).toEqual([jobLabels]);
});

/** Of every folder that holds a kustomization, its file's content. */
const kustomizations = [...new Bun.Glob("**/kustomization.yaml").scanSync(manifestFolder)].map(
  (path) => [dirname(path), parse(readFileSync(join(manifestFolder, path), "utf8"))] as const,
);

/** All that kustomize 2.0 knows of, and that is used here; kubectl holds it up to 1.20. */
const oldFields = [
  "apiVersion",
  "kind",
  "bases",
  "resources",
  "patchesStrategicMerge",
  "configMapGenerator",
  "images",
];

test.each(kustomizations)(
  "%s: old kustomize reads it, and it names every file beside it",
  (folder, content) => {
    expect(Object.keys(content).filter((field) => !oldFields.includes(field))).toEqual([]);
    const { resources = [], patchesStrategicMerge = [], configMapGenerator = [], bases = [] } = content;
    const generated = configMapGenerator.flatMap(({ files }: { files: string[] }) => files);
    const named = [...resources, ...patchesStrategicMerge, ...generated];
    const files = readdirSync(join(manifestFolder, folder), { withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(["kustomization.yaml", ...named].sort()).toEqual(files.map(({ name }) => name).sort());
    for (const base of bases) expect(kustomizations.map(([path]) => path)).toContain(join(folder, base));
  },
);
