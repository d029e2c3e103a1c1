/** Servers that take turns under the same work. */
import { runH2load } from "../../test/support/h2load.ts";
import { median, progress, rounded } from "../engine/measure.ts";
import { loadPrefix } from "./processors.ts";
import { type Generate, type Load, type Round, runRound } from "./round.ts";
import type { Server, StartServer } from "./server.ts";
import { callValueBytes, type Work } from "./work.ts";

export interface Contestant<L extends Load = Load> {
  readonly start: StartServer;
  readonly generate: Generate<L>;
}

export interface ContestSettings {
  readonly roundCount: number;
  readonly roundSeconds: number;
}

export const byH2load: Generate<Load> = ({ target }, work, callCount) =>
  runH2load({ ...work, ...target, callCount, prefix: loadPrefix() });

/** Rounds by contestant. */
export type Outcome<L extends Load> = Readonly<Record<string, readonly Round<L>[]>>;

/** Each server runs alone first, until it is warm and it is known how many calls a round may have. */
export async function contest<L extends Load>(
  settings: ContestSettings,
  work: Work,
  contestants: Readonly<Record<string, Contestant<L>>>,
): Promise<Outcome<L>> {
  const entrants: Entrant<L>[] = [];
  try {
    for (const [name, { start, generate }] of Object.entries(contestants)) {
      const server = await start(work);
      const entrant = { name, server, generate, callCount: 0, rounds: [] };
      entrants.push(entrant);
      await warmUp(settings, work, entrant);
    }
    for (let round = 0; round < settings.roundCount; round++) {
      for (const { name, server, generate, callCount, rounds } of entrants) {
        const result = await runRound(server, work, callCount, generate);
        rounds.push(result);
        const spent = `${result.processorUsPerCall.toFixed(1)} us of processor`;
        progress(`  round ${round + 1}, ${name}: ${rounded(result.callsPerSecond)} calls/s, ${spent} a call`);
      }
    }
  } finally {
    for (const { server } of entrants) await server.stop();
  }
  return Object.fromEntries(entrants.map(({ name, rounds }) => [name, rounds]));
}

/** Each contestant's median of one figure. */
export function medians<L extends Load>(
  outcome: Outcome<L>,
  figure: (round: Round<L>) => number,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(outcome).map(([name, rounds]) => [name, median(rounds.map(figure))]),
  );
}

interface Entrant<L extends Load> {
  readonly name: string;
  readonly server: Server;
  readonly generate: Generate<L>;
  callCount: number;
  readonly rounds: Round<L>[];
}

/** Runtimes compile what is called often, so the number of calls decides how warm a server is; within some seconds. */
const compilingCallCount = 50_000;
const compilingSeconds = 2;
/** For work of less at a time, which would bring too few calls. */
const compilingShape = { connectionCount: 8, streamCount: 32 };
/** More in a call would be too much in flight, and its bytes or entries decide in any case. */
const smallValueBytes = 4096;

async function compile<L extends Load>(work: Work, { server, generate }: Entrant<L>): Promise<void> {
  if (callValueBytes(work) > smallValueBytes) return;
  const isSparse = work.connectionCount * work.streamCount < compilingShape.streamCount;
  const busyWork = isSparse ? { ...work, ...compilingShape } : work;
  let callCount = busyWork.connectionCount * busyWork.streamCount;
  let doneCount = 0;
  for (let seconds = 0; doneCount < compilingCallCount && seconds < compilingSeconds; ) {
    const { callsPerSecond } = await runRound(server, busyWork, callCount, generate);
    doneCount += callCount;
    seconds += callCount / callsPerSecond;
    callCount = Math.max(callCount, Math.ceil(callsPerSecond / 2));
  }
}

/** Parts of a round's time, of which the last decides. */
const warmUpParts = [0.25, 1, 1];

async function warmUp<L extends Load>(
  { roundSeconds }: ContestSettings,
  work: Work,
  entrant: Entrant<L>,
): Promise<void> {
  await compile(work, entrant);
  const inFlight = work.connectionCount * work.streamCount;
  entrant.callCount = Math.max(10, inFlight);
  for (const part of warmUpParts) {
    const { callsPerSecond } = await runRound(entrant.server, work, entrant.callCount, entrant.generate);
    entrant.callCount = Math.max(inFlight, Math.ceil(part * roundSeconds * callsPerSecond));
  }
}
