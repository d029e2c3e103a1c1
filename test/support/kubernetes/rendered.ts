/** The manifests of k8s, as kubectl renders them. */
import { join } from "node:path";
import type { IStatefulSet } from "kubernetes-models/apps/v1";
import { parseAllDocuments } from "yaml";
import { type LoadedConfiguration, loadConfiguration } from "../../../src/config/load.ts";
import { requirePeer } from "../peers.ts";

export const manifestFolder = join(import.meta.dir, "../../../k8s");

export const hasKubectl = requirePeer("kubectl", () => Bun.which("kubectl") !== null);

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** What `kubectl kustomize` makes of a folder of k8s. */
export function render(folder: string): Manifest[] {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["kubectl", "kustomize", join(manifestFolder, folder)], {
    stderr: "pipe",
  });
  if (exitCode !== 0) throw new Error(`kubectl kustomize ${folder}: ${stderr.toString()}`);
  return parseManifests(stdout.toString());
}

export function parseManifests(text: string): Manifest[] {
  // As kubectl reads it: 0440 is an octal number.
  return parseAllDocuments(text, { version: "1.1" }).map((document) => document.toJS() as Manifest);
}

/** The manifests of one folder, by what the tests ask of them. */
export class Rendered {
  readonly manifests: readonly Manifest[];
  readonly statefulSet: IStatefulSet;

  constructor(folder: string) {
    this.manifests = render(folder);
    this.statefulSet = this.one<IStatefulSet>("StatefulSet");
  }

  all<T = Manifest>(kind: string): T[] {
    return this.manifests.filter((manifest) => manifest.kind === kind) as T[];
  }

  /** The one of this kind, and of this name where one is given. */
  one<T = Manifest>(kind: string, name?: string): T {
    const found = this.all(kind).filter(({ metadata }) => name === undefined || metadata.name === name);
    if (found.length !== 1) throw new Error(`there are ${found.length} manifests ${kind} ${name ?? ""}`);
    return found[0] as T;
  }

  get pod() {
    return this.statefulSet.spec!.template.spec!;
  }

  get container() {
    return this.pod.containers[0]!;
  }

  /** The map that the pods mount as `config`. */
  get configurationFile(): string {
    const volume = this.pod.volumes?.find(({ name }) => name === "config");
    const map = this.one<{ data: Record<string, string> }>("ConfigMap", volume?.configMap?.name);
    return map.data["config.yaml"] ?? "";
  }

  /** The configuration of the set's first pod, with the variables that its container gets. */
  configuration(): LoadedConfiguration {
    return loadConfiguration({
      file: "config.yaml",
      readText: () => this.configurationFile,
      environment: this.environment,
      flags: new Map(),
      hostName: "host",
      memoryLimitBytes: 2 ** 33,
    });
  }

  get environment(): Record<string, string> {
    const { name, namespace } = this.statefulSet.metadata!;
    const fields: Record<string, string> = {
      "metadata.name": `${name}-0`,
      "metadata.namespace": namespace ?? "",
      "status.podIP": "10.0.0.7",
    };
    const entries = (this.container.env ?? []).map((variable): [string, string] => [
      variable.name,
      variable.value ?? fields[variable.valueFrom?.fieldRef?.fieldPath ?? ""] ?? "",
    ]);
    return Object.fromEntries(entries);
  }
}
