/**
 * Looks now and then at what takes a look to know, and remembers what was found until the next one.
 *
 * A check has one look at a time: where one does not come back, as from a disk that hangs, the check says so and
 * the others go on.
 *
 * Invariants:
 * 1. A look never throws into its timer: one that fails is a finding.
 * 2. After `stop` nothing is looked at any more.
 */
import { messageOf } from "../../base/errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { CheckReport, HealthStatus } from "./health-types.ts";

/** What is wrong; undefined: nothing. */
export type Finding =
  | { readonly status: Exclude<HealthStatus, "healthy">; readonly reason: string }
  | undefined;

export interface HealthCheck {
  readonly name: string;
  readonly intervalMs: number;
  look(): Finding | Promise<Finding>;
}

/** A look that takes longer is a finding by itself. */
const longestLookMs = 10_000;

export class HealthChecker {
  readonly #checks: readonly RepeatedCheck[];

  /**
   * `changed` hears of every other status of a check. The first looks come after an interval: a store that has just been
   * opened has shown that it can be.
   */
  constructor(clock: Clock, checks: readonly HealthCheck[], changed: (report: CheckReport) => void) {
    this.#checks = checks.map((check) => new RepeatedCheck(clock, check, changed));
  }

  /** In the order of the checks. */
  reports(): CheckReport[] {
    return this.#checks.map((check) => reportOf(check.name, check.finding));
  }

  stop(): void {
    for (const check of this.#checks) check.stop();
  }
}

export function reportOf(name: string, finding: Finding): CheckReport {
  return finding === undefined ? { name, status: "healthy" } : { name, ...finding };
}

class RepeatedCheck {
  readonly #clock: Clock;
  readonly #check: HealthCheck;
  readonly #changed: (report: CheckReport) => void;
  #found: Finding;
  /** When the look began that is under way. */
  #lookingSinceMs: number | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(clock: Clock, check: HealthCheck, changed: (report: CheckReport) => void) {
    this.#clock = clock;
    this.#check = check;
    this.#changed = changed;
    this.#wait();
  }

  get name(): string {
    return this.#check.name;
  }

  get finding(): Finding {
    if (this.#lookingSinceMs === undefined) return this.#found;
    const lookingMs = this.#clock.monotonicMs() - this.#lookingSinceMs;
    if (lookingMs < longestLookMs) return this.#found;
    const seconds = Math.floor(lookingMs / 1000);
    return { status: "degraded", reason: `the check ${this.name} has been waiting for ${seconds} s` };
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #wait(): void {
    this.#timer = this.#clock.after(this.#check.intervalMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#lookingSinceMs = this.#clock.monotonicMs();
    const before = this.#found?.status;
    this.#found = await this.#findingOfLook();
    this.#lookingSinceMs = undefined;
    if (this.#isStopped) return;
    if (this.#found?.status !== before) this.#changed(reportOf(this.name, this.#found));
    this.#wait();
  }

  async #findingOfLook(): Promise<Finding> {
    try {
      return await this.#check.look();
    } catch (error) {
      return { status: "degraded", reason: `the check ${this.name} failed: ${messageOf(error)}` };
    }
  }
}
