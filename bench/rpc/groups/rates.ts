/** Cases whose figures follow from how many calls a second there were. */
import { type Bar, makeRow } from "../../engine/row.ts";
import { byH2load, type Contestant, contest, medians } from "../contest.ts";
import type { Case } from "../group.ts";
import type { Generate, Load } from "../round.ts";
import type { StartServer } from "../server.ts";
import { callValueBytes, type Work } from "../work.ts";

export type Figures = Readonly<Record<string, number>>;

export interface RateCase {
  readonly name: string;
  readonly work: Work;
  /** By contestant, `ours` first. */
  readonly servers: Readonly<Record<string, StartServer>>;
  /** Of those whose load is not h2load's. */
  readonly generators?: Readonly<Record<string, Generate<Load>>>;
  readonly bars?: (figures: Figures) => readonly Bar[];
  /** Default: calls per second. */
  readonly unit?: Unit;
}

export interface Unit {
  readonly name: string;
  readonly of: (callsPerSecond: number, work: Work) => number;
}

const rate: Unit = { name: "calls/s", of: (callsPerSecond) => callsPerSecond };

/** Of a connection with one call in flight. */
export const roundTripUs: Unit = { name: "us", of: (callsPerSecond) => 1e6 / callsPerSecond };

export const megabytesPerSecond: Unit = {
  name: "MB/s",
  of: (callsPerSecond, work) => (callsPerSecond * callValueBytes(work)) / 1e6,
};

export const entriesPerSecond: Unit = {
  name: "entries/s",
  of: (callsPerSecond, { entryCount = 1 }) => callsPerSecond * entryCount,
};

export function rateCase({ name, work, servers, generators = {}, bars, unit = rate }: RateCase): Case {
  const contestants: Record<string, Contestant> = Object.fromEntries(
    Object.entries(servers).map(([label, start]) => [
      label,
      { start, generate: generators[label] ?? byH2load },
    ]),
  );
  return {
    name,
    async run(settings) {
      const outcome = await contest(settings, work, contestants);
      const figures = medians(outcome, ({ callsPerSecond }) => unit.of(callsPerSecond, work));
      const spent = medians(outcome, ({ processorUsPerCall }) => processorUsPerCall);
      return makeRow(name, unit.name, figures, bars?.(figures), `processor us a call: ${listOf(spent)}`);
    },
  };
}

/** "ours 9.1, bare node:http2 22" */
export function listOf(figures: Figures): string {
  return Object.entries(figures)
    .map(([label, figure]) => `${label} ${Number(figure.toPrecision(2))}`)
    .join(", ");
}
