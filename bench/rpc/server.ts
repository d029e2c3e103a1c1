/** A server that stands under load, in a process of its own. */
import { type Counters, parseCounters } from "../../test/support/node-counters.ts";
import type { Work } from "./work.ts";

/** What the load sends, over and over. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly isHttp1: boolean;
  /** Answers end without trailers. */
  readonly lacksStatus?: boolean;
}

/** What a server counts, by the counter's name. */
export type Counts = Readonly<Record<string, number>>;

export interface Server {
  readonly pid: number;
  readonly target: Target;
  /** By the server's own counters. */
  counts(): Promise<Counts>;
  /** Throws unless they rose by exactly what so many calls do, all of them well; `rise` holds what rose at all. */
  verify(rise: Counts, callCount: number): void;
  /** The value in an answer's body, or all values of a batch or scan, one after the other. */
  valueIn(body: Uint8Array): Uint8Array;
  /** Rejects when it did not end well. */
  stop(): Promise<void>;
}

/** Starts one that is ready for this work. */
export type StartServer = (work: Work) => Promise<Server>;

/** Those that rose. */
export function riseOf(before: Counts, after: Counts): Counts {
  const rises = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const);
  return Object.fromEntries(rises.filter(([, rise]) => rise !== 0));
}

export function expectRise(rise: Counts, expected: Counts): void {
  const wanted = Object.fromEntries(Object.entries(expected).filter(([, value]) => value !== 0));
  if (Bun.deepEquals(rise, wanted)) return;
  throw new Error(`the server counted ${JSON.stringify(rise)} instead of ${JSON.stringify(wanted)}`);
}

/** The numbers of a page of Prometheus' metrics. */
export async function metricsOf(url: string): Promise<Counters> {
  const response = await fetch(`${url}/metrics`, { tls: { rejectUnauthorized: false } });
  if (!response.ok) throw new Error(`${url}/metrics answered ${response.status}`);
  return parseCounters(await response.text());
}
