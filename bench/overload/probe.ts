/** Calls one after the other, on connections that do nothing else: how a node feels to somebody who asks little. */

export interface Probe {
  /** On the clock of `Date.now`. */
  readonly beganAtMs: number;
  readonly tookMs: number;
  readonly isGood: boolean;
}

/** Asks again and again, with a pause between, until it is stopped. */
export class Prober {
  readonly probes: Probe[] = [];
  #isStopped = false;
  readonly #running: Promise<void>;

  /** `ask` says whether the answer was good. */
  constructor(pauseMs: number, ask: () => Promise<boolean>) {
    this.#running = this.#run(pauseMs, ask);
  }

  /** Resolves when the last answer is there. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#running;
  }

  async #run(pauseMs: number, ask: () => Promise<boolean>): Promise<void> {
    while (!this.#isStopped) {
      const beganAtMs = Date.now();
      const startMs = performance.now();
      const isGood = await ask().catch(() => false);
      this.probes.push({ beganAtMs, tookMs: performance.now() - startMs, isGood });
      await Bun.sleep(pauseMs);
    }
  }
}

export interface ProbeTimes {
  readonly count: number;
  readonly badCount: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function timesOf(probes: readonly Probe[]): ProbeTimes {
  const times = probes.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  const at = (share: number) => times[Math.ceil(share * times.length) - 1] ?? Number.NaN;
  const badCount = probes.filter(({ isGood }) => !isGood).length;
  return { count: times.length, badCount, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

export function describeTimes({ count, badCount, p50Ms, p99Ms, maxMs }: ProbeTimes): string {
  const times = `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, longest ${maxMs.toFixed(1)} ms`;
  return `${count} answers (${badCount} bad), ${times}`;
}
