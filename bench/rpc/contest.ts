/** Servers that take turns under the same work. */
import { runH2load } from "../../test/support/h2load.ts";
import { median, progress, rounded } from "../engine/measure.ts";
import { loadPrefix } from "./processors.ts";
import { type Generate, type Load, type Round, runRound } from "./round.ts";
import type { Server, StartServer } from "./server.ts";
import type { Work } from "./work.ts";

export interface Contestant {
  readonly start: StartServer;
  /** Where it differs from the others'. */
  readonly work?: Partial<Work>;
}

export interface ContestSettings {
  readonly roundCount: number;
  readonly roundSeconds: number;
}

/** Medians, by contestant. */
export interface Outcome {
  readonly callsPerSecond: Readonly<Record<string, number>>;
  readonly processorUsPerCall: Readonly<Record<string, number>>;
}

const byH2load: Generate<Load> = ({ target }, work, callCount) =>
  runH2load({ ...work, ...target, callCount, prefix: loadPrefix() });

/** Under h2load. Each server gets two warm rounds first, which also tell how many calls a round may have. */
export async function contest(
  settings: ContestSettings,
  work: Work,
  contestants: Readonly<Record<string, Contestant>>,
): Promise<Outcome> {
  const rounds = await runContest(settings, work, contestants, byH2load);
  return {
    callsPerSecond: medians(rounds, "callsPerSecond"),
    processorUsPerCall: medians(rounds, "processorUsPerCall"),
  };
}

function medians<K extends keyof Round<Load>>(rounds: ReadonlyMap<string, readonly Round<Load>[]>, of: K) {
  return Object.fromEntries(
    [...rounds].map(([name, results]) => [name, median(results.map((result) => result[of]))]),
  );
}

/** The rounds of each contestant, by any generator. */
export async function runContest<L extends Load>(
  settings: ContestSettings,
  work: Work,
  contestants: Readonly<Record<string, Contestant>>,
  generate: Generate<L>,
): Promise<ReadonlyMap<string, readonly Round<L>[]>> {
  const servers = new Map<string, { server: Server; work: Work; callCount: number }>();
  const rounds = new Map<string, Round<L>[]>();
  try {
    for (const [name, { start, work: own }] of Object.entries(contestants)) {
      const ownWork = { ...work, ...own };
      const server = await start(ownWork);
      servers.set(name, { server, work: ownWork, callCount: 0 });
      const callCount = await warmUp(settings, server, ownWork, generate);
      servers.set(name, { server, work: ownWork, callCount });
    }
    for (let round = 0; round < settings.roundCount; round++) {
      for (const [name, { server, work: ownWork, callCount }] of servers) {
        const result = await runRound(server, ownWork, callCount, generate);
        rounds.set(name, [...(rounds.get(name) ?? []), result]);
        const spent = `${result.processorUsPerCall.toFixed(1)} us of processor`;
        progress(`  round ${round + 1}, ${name}: ${rounded(result.callsPerSecond)} calls/s, ${spent} a call`);
      }
    }
  } finally {
    for (const { server } of servers.values()) await server.stop();
  }
  return rounds;
}

/** How many calls take a round's time. */
async function warmUp<L extends Load>(
  { roundSeconds }: ContestSettings,
  server: Server,
  work: Work,
  generate: Generate<L>,
): Promise<number> {
  const inFlight = work.connectionCount * work.streamCount;
  let callCount = Math.max(10, inFlight);
  for (const part of [0.05, 0.5, 1]) {
    const { callsPerSecond } = await runRound(server, work, callCount, generate);
    callCount = Math.max(inFlight, Math.ceil(part * roundSeconds * callsPerSecond));
  }
  return callCount;
}
