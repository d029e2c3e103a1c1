/**
 * How the node is, from what it does and what was found:
 *
 *   unhealthy   writing has stopped, the disk is full, or the store's directories cannot be written to
 *   degraded    data was lost and nobody has acknowledged it, the disk is throttled, the node is draining, or a check
 *               found that something is short or late (checks.ts)
 *   healthy     otherwise
 *
 * Ready means: recovered, serving, not stopping, not draining, and not unhealthy.
 */
import { messageOf } from "../../base/errors.ts";
import type { DiskState } from "../../node/disk-guard.ts";
import { type Finding, type HealthChecker, reportOf } from "./health-checker.ts";
import type {
  CheckReport,
  HealthReport,
  HealthSource,
  HealthStatus,
  ReadinessReport,
} from "./health-types.ts";

/** What the node is made of once it is open. */
export interface NodeCondition {
  diskState(): DiskState;
  /** Lost data that no operator has acknowledged, one sentence each. */
  damage(): readonly string[];
  /** Why nothing is written until a restart, if so. */
  writingStopped(): string | undefined;
  /** The node takes no writes, since it is to be removed. */
  isDraining(): boolean;
  /** Figures for people and scripts. */
  figures(): Readonly<Record<string, string>>;
}

const drainingReason = "the node is draining: it takes no writes";

export class NodeHealth implements HealthSource {
  #phase = "starting";
  #percent = 0;
  #condition: NodeCondition | undefined;
  #checker: HealthChecker | undefined;
  #serving = false;
  #stopping = false;

  recovering(phase: string, percent: number): void {
    this.#phase = phase;
    this.#percent = percent;
  }

  /** The store is open. */
  observe(condition: NodeCondition, checker: HealthChecker): void {
    this.#condition = condition;
    this.#checker = checker;
  }

  /** Both ports are open and calls are answered. */
  serving(): void {
    this.#serving = true;
    if (!this.#stopping) this.#phase = "serving";
    this.#percent = 100;
  }

  stopping(): void {
    this.#stopping = true;
    this.#phase = "stopping";
  }

  get isDraining(): boolean {
    return this.#condition?.isDraining() ?? false;
  }

  health(): HealthReport {
    const checks = this.#reports();
    const unhealthy = reasonsOf(checks, "unhealthy");
    const reasons = [...unhealthy, ...reasonsOf(checks, "degraded")];
    let status: HealthStatus = "healthy";
    if (reasons.length > 0) status = unhealthy.length > 0 ? "unhealthy" : "degraded";
    const states = Object.fromEntries(checks.map((check) => [`check.${check.name}`, check.status]));
    return {
      status,
      reasons,
      checks,
      metrics: { phase: this.#phase, ...this.#condition?.figures(), ...states },
    };
  }

  readiness(): ReadinessReport {
    const reasons = reasonsOf(this.#reports(), "unhealthy");
    if (this.isDraining) reasons.push(drainingReason);
    if (this.#stopping) reasons.push("the node is stopping");
    else if (!this.#serving) reasons.push(`the node is starting: ${this.#phase}, ${this.#percent} %`);
    return { ready: reasons.length === 0, reasons, phase: this.#phase, percent: this.#percent };
  }

  /** What is known at any moment, and what the last looks found. */
  #reports(): CheckReport[] {
    const condition = this.#condition;
    if (condition === undefined) return [];
    return [
      reportOf("writing", writingFinding(condition)),
      reportOf("disk", diskFinding(condition)),
      reportOf("damage", damageFinding(condition)),
      reportOf("drain", condition.isDraining() ? { status: "degraded", reason: drainingReason } : undefined),
      ...(this.#checker?.reports() ?? []),
    ];
  }
}

function reasonsOf(checks: readonly CheckReport[], status: HealthStatus): string[] {
  return checks.filter((check) => check.status === status).map(({ reason = "" }) => reason);
}

function writingFinding({ writingStopped }: NodeCondition): Finding {
  const stopped = writingStopped();
  return stopped === undefined
    ? undefined
    : { status: "unhealthy", reason: `writing has stopped: ${stopped}` };
}

function diskFinding({ diskState }: NodeCondition): Finding {
  let state: DiskState;
  try {
    state = diskState();
  } catch (error) {
    return { status: "unhealthy", reason: messageOf(error) };
  }
  if (state === "full") return { status: "unhealthy", reason: "the disk is full: all writes are refused" };
  if (state !== "throttled") return undefined;
  return { status: "degraded", reason: "the disk is nearly full: large writes are refused" };
}

function damageFinding({ damage }: NodeCondition): Finding {
  const messages = damage();
  return messages.length === 0
    ? undefined
    : { status: "degraded", reason: `data was lost: ${messages.join("; ")}` };
}
