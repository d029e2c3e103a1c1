/** What the edge asks about the node's health; implemented elsewhere, so that neither side knows the other. */

export type HealthStatus = "healthy" | "degraded" | "unhealthy";

/** One thing that health is about. */
export interface CheckReport {
  readonly name: string;
  readonly status: HealthStatus;
  /** Why it is not "healthy", one sentence. */
  readonly reason?: string;
}

export interface HealthReport {
  /** The worst of all checks. */
  readonly status: HealthStatus;
  /** Why the status is not "healthy", one sentence each, the worst first; empty otherwise. */
  readonly reasons: readonly string[];
  readonly checks: readonly CheckReport[];
  /** A few figures for people and scripts, by name. */
  readonly metrics: Readonly<Record<string, string>>;
}

export interface ReadinessReport {
  /** Whether traffic should come here. */
  readonly ready: boolean;
  /** Why not, one sentence each; empty when ready. */
  readonly reasons: readonly string[];
  /** What the node is doing: "starting", a recovery phase, "serving", "stopping". */
  readonly phase: string;
  /** How far `phase` is, 0 to 100. */
  readonly percent: number;
}

export interface HealthSource {
  health(): HealthReport;
  readiness(): ReadinessReport;
}

/** The text that a metrics scrape gets. */
export interface MetricsText {
  readonly contentType: string;
  readonly body: string;
}
