/** How a case of rates becomes a row. */
import { type Bar, makeRow, type Row } from "../../engine/row.ts";
import { type Contestant, type ContestSettings, contest } from "../contest.ts";
import type { Case } from "../group.ts";
import type { Work } from "../work.ts";

export interface RateCase {
  readonly name: string;
  readonly work: Work;
  /** `ours` first. */
  readonly contestants: Readonly<Record<string, Contestant>>;
  readonly bars?: (figures: Readonly<Record<string, number>>) => readonly Bar[];
  /** Default: calls per second. */
  readonly unit?: Unit;
}

export interface Unit {
  readonly name: string;
  readonly of: (callsPerSecond: number, work: Work) => number;
}

const callsPerSecond: Unit = { name: "calls/s", of: (rate) => rate };

/** Of a connection with one call in flight. */
export const roundTripUs: Unit = { name: "us", of: (rate) => 1e6 / rate };

export const megabytesPerSecond: Unit = {
  name: "MB/s",
  of: (rate, { valueBytes }) => (rate * valueBytes) / 1e6,
};

export function rateCase({
  name,
  work,
  contestants,
  bars = () => [],
  unit = callsPerSecond,
}: RateCase): Case {
  return {
    name,
    async run(settings: ContestSettings): Promise<Row> {
      const outcome = await contest(settings, work, contestants);
      const figures = Object.fromEntries(
        Object.entries(outcome.callsPerSecond).map(([contestant, rate]) => [contestant, unit.of(rate, work)]),
      );
      const spent = Object.entries(outcome.processorUsPerCall).map(
        ([contestant, us]) => `${contestant} ${us < 100 ? us.toFixed(1) : Math.round(us)}`,
      );
      return makeRow(name, unit.name, figures, bars(figures), `processor us a call: ${spent.join(", ")}`);
    },
  };
}
