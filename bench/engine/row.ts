/** One line of the results. */
import { rounded } from "./measure.ts";

export interface Bar {
  /** What is asked, in words. */
  readonly text: string;
  /** What came out of it. */
  readonly figure: number;
  readonly isMet: boolean;
}

export interface Row {
  readonly case: string;
  readonly unit: string;
  readonly ours: number;
  readonly peers: Readonly<Record<string, number>>;
  /** Ours divided by the first peer's; null without one. */
  readonly ratio: number | null;
  readonly bars: readonly Bar[];
  readonly note?: string;
  /** The figure of each of equal parts of the work, where it was followed. */
  readonly series?: readonly number[];
}

/** Of figures by contestant: `ours` and the peers, the most important one first. */
export function makeRow(
  name: string,
  unit: string,
  figures: Readonly<Record<string, number>>,
  bars: readonly Bar[] = [],
  note?: string,
): Row {
  const { ours, ...peers } = Object.fromEntries(
    Object.entries(figures).map(([contestant, figure]) => [contestant, rounded(figure)]),
  );
  const [first] = Object.values(peers);
  return {
    case: name,
    unit,
    ours: ours!,
    peers,
    ratio: first === undefined ? null : rounded(ours! / first),
    bars,
    ...(note === undefined ? {} : { note }),
  };
}

/** Ours has to be at least so many times the peer's; no bar where the peer is not there. */
export function atLeastTimes(
  figures: Readonly<Record<string, number>>,
  factor: number,
  peer: string,
): readonly Bar[] {
  const other = figures[peer];
  if (other === undefined) return [];
  const figure = rounded(figures["ours"]! / other);
  return [{ text: `≥ ${factor} × ${peer}`, figure, isMet: figure >= factor }];
}

export function atMost(limit: number, unit: string, figure: number): Bar {
  return { text: `≤ ${limit}${unit}`, figure: rounded(figure), isMet: figure <= limit };
}

export function atLeast(limit: number, unit: string, figure: number): Bar {
  return { text: `≥ ${limit}${unit}`, figure: rounded(figure), isMet: figure >= limit };
}
