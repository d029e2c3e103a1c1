/**
 * What is wrong with a manifest.
 *
 * The schemas of kubernetes-models say what a field may hold, and let pass every field that they do not name: a
 * misspelt probe is one. But their validators are compiled, and read exactly the fields that the schema names. So what
 * a validator never looked at is no field.
 */
import {
  PrometheusRule,
  ServiceMonitor,
} from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { StatefulSet } from "kubernetes-models/apps/v1";
import { CronJob } from "kubernetes-models/batch/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Namespace, ResourceQuota, Service, ServiceAccount } from "kubernetes-models/v1";
import type { Manifest } from "./rendered.ts";

interface Model {
  readonly apiVersion: string;
  readonly kind: string;
  readonly prototype: { validate(): void };
}

const models: readonly Model[] = [
  ConfigMap,
  CronJob,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  PrometheusRule,
  ResourceQuota,
  Service,
  ServiceAccount,
  ServiceMonitor,
  StatefulSet,
];

/** One line each; empty where the manifest is right. */
export function faultsOf(manifest: Manifest): string[] {
  const { apiVersion, kind } = manifest;
  const model = models.find((candidate) => candidate.apiVersion === apiVersion && candidate.kind === kind);
  if (model === undefined) return [`there is no schema for ${apiVersion} ${kind}`];
  const looked = new Set<string>();
  try {
    model.prototype.validate.call(watched(manifest, "", looked));
  } catch (error) {
    return [String(error)];
  }
  return unseen(manifest, "", looked).map((path) => `${path} is no field`);
}

/** The same value, which notes the path of everything that is read of it. */
function watched<T extends object>(value: T, path: string, looked: Set<string>): T {
  return new Proxy(value, {
    get(target, key) {
      const inner: unknown = Reflect.get(target, key);
      if (typeof key === "symbol") return inner;
      const innerPath = `${path}.${key}`;
      looked.add(innerPath);
      return typeof inner === "object" && inner !== null ? watched(inner, innerPath, looked) : inner;
    },
  });
}

/** Paths that were not looked at, without what lies below them. */
function unseen(value: object, path: string, looked: ReadonlySet<string>): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const innerPath = `${path}.${key}`;
    if (!looked.has(innerPath)) return [innerPath];
    return typeof inner === "object" && inner !== null ? unseen(inner, innerPath, looked) : [];
  });
}
