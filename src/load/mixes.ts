/** The core workloads of YCSB, the Yahoo! Cloud Serving Benchmark: what share of the operations is of which kind. */
import type { Random } from "../platform/random.ts";
import { fraction, type KeyDistribution } from "./key-choice.ts";

export const operationKinds = ["read", "update", "insert", "scan", "read-modify-write"] as const;
export type OperationKind = (typeof operationKinds)[number];

export interface Mix {
  readonly title: string;
  /** They add up to 1. */
  readonly shares: Partial<Record<OperationKind, number>>;
  readonly keys: KeyDistribution;
}

export const mixes = {
  a: { title: "session store", shares: { read: 0.5, update: 0.5 }, keys: "zipfian" },
  b: { title: "photo tags", shares: { read: 0.95, update: 0.05 }, keys: "zipfian" },
  c: { title: "user profiles", shares: { read: 1 }, keys: "zipfian" },
  d: { title: "status updates", shares: { read: 0.95, insert: 0.05 }, keys: "latest" },
  e: { title: "threads", shares: { scan: 0.95, insert: 0.05 }, keys: "zipfian" },
  f: { title: "user database", shares: { read: 0.5, "read-modify-write": 0.5 }, keys: "zipfian" },
} as const satisfies Record<string, Mix>;

export type MixName = keyof typeof mixes;

/** Draws kinds of operations with the mix's shares. */
export function operationChoice({ shares }: Mix, random: Random): () => OperationKind {
  const kinds = operationKinds.filter((kind) => (shares[kind] ?? 0) > 0);
  const last = kinds.at(-1)!;
  return () => {
    let rest = fraction(random);
    return kinds.find((kind) => (rest -= shares[kind] ?? 0) < 0) ?? last;
  };
}
