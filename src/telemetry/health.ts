/**
 * How the node is, from what it does and what was found:
 *
 *   unhealthy   writing has stopped, or the disk is full
 *   degraded    data was lost and nobody has acknowledged it, the disk is throttled, or the node is draining
 *   healthy     otherwise
 *
 * Ready means: recovered, serving, not stopping, not draining, and not unhealthy.
 */
import type { DiskState } from "../node/disk-guard.ts";
import type { HealthReport, HealthSource, HealthStatus, ReadinessReport } from "./health-types.ts";

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
  #serving = false;
  #stopping = false;

  recovering(phase: string, percent: number): void {
    this.#phase = phase;
    this.#percent = percent;
  }

  /** The store is open. */
  observe(condition: NodeCondition): void {
    this.#condition = condition;
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
    const unhealthy = this.#unhealthyReasons();
    const reasons = [...unhealthy, ...this.#degradedReasons()];
    let status: HealthStatus = "healthy";
    if (reasons.length > 0) status = unhealthy.length > 0 ? "unhealthy" : "degraded";
    return { status, reasons, metrics: { phase: this.#phase, ...this.#condition?.figures() } };
  }

  readiness(): ReadinessReport {
    const reasons = this.#unhealthyReasons();
    if (this.isDraining) reasons.push(drainingReason);
    if (this.#stopping) reasons.push("the node is stopping");
    else if (!this.#serving) reasons.push(`the node is starting: ${this.#phase}, ${this.#percent} %`);
    return { ready: reasons.length === 0, reasons, phase: this.#phase, percent: this.#percent };
  }

  #unhealthyReasons(): string[] {
    const reasons: string[] = [];
    const stopped = this.#condition?.writingStopped();
    if (stopped !== undefined) reasons.push(`writing has stopped: ${stopped}`);
    if (this.#condition?.diskState() === "full") reasons.push("the disk is full: all writes are refused");
    return reasons;
  }

  #degradedReasons(): string[] {
    const reasons = [...(this.#condition?.damage() ?? [])].map((message) => `data was lost: ${message}`);
    if (this.#condition?.diskState() === "throttled") {
      reasons.push("the disk is nearly full: large writes are refused");
    }
    if (this.isDraining) reasons.push(drainingReason);
    return reasons;
  }
}
