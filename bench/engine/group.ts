/** A group of cases that share a store, or a peer; each group runs in a process of its own. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Row } from "./row.ts";
import type { Settings } from "./settings.ts";
import { Workload } from "./workload.ts";

export interface Group {
  readonly name: string;
  /** As a heading of the documents. */
  readonly title: string;
  /** Names of the rows that it makes. */
  readonly cases: readonly string[];
  run(bench: Bench): Promise<Row[]>;
}

/** What a group gets. */
export class Bench {
  readonly settings: Settings;
  readonly workload: Workload;
  readonly #folder = mkdtempSync(join(tmpdir(), "pairdb-bench-"));
  #count = 0;

  constructor(settings: Settings) {
    this.settings = settings;
    this.workload = new Workload(settings.valueBytes);
  }

  /** Whether the case was asked for. */
  wants(name: string): boolean {
    const { only } = this.settings;
    return only === undefined || name.includes(only);
  }

  /** Whether any of them was. */
  wantsAny(names: readonly string[]): boolean {
    return names.some((name) => this.wants(name));
  }

  /** An empty directory of its own. */
  directory(name: string): string {
    const path = join(this.#folder, `${name}-${this.#count++}`);
    mkdirSync(path);
    return path;
  }

  remove(directory: string): void {
    rmSync(directory, { recursive: true, force: true });
  }

  close(): void {
    this.remove(this.#folder);
  }
}
