/**
 * `bench`: loads a node and says how it bore it. Loads records first, then runs one of YCSB's workloads on them; a tenant
 * that holds something already is left alone unless that is asked for.
 */
import type { Command } from "commander";
import { StorageError } from "../../base/errors.ts";
import { percentileText } from "../../load/hgrm.ts";
import type { LoadResult } from "../../load/load-result.ts";
import { type LoadOptions, LoadRun, type Work } from "../../load/load-run.ts";
import { mixes } from "../../load/mixes.ts";
import { keyOf, Requests } from "../../load/requests.ts";
import { seededRandom } from "../../platform/random.ts";
import { createOutput } from "../../platform/streams.ts";
import { addBenchOptions, type BenchOptions } from "../bench/options.ts";
import { type PhaseReport, phaseReport, phaseText, progressNote } from "../bench/report.ts";
import type { NodeConnection } from "../client.ts";
import { type ClientCredentials, readCredentials } from "../client-credentials.ts";
import { describeClientCommand, printJson, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { startProgress } from "../progress.ts";

const progressIntervalMs = 1000;
const loadMix = { title: "load", shares: { insert: 1 }, keys: "uniform" } as const;
const help = `
Times of an open loop (--rate) count from when an operation was due, not from when it could be sent.
Operations that fail are counted apart, and have no part in the times.
`;

export function benchCommand(context: CommandContext): Command {
  const command = describeClientCommand("bench", "Put load on a node, and measure it.", [
    "bench --tenant bench",
    "bench --tenant bench --workload b --phase run --rate 20000 --duration 60s --hgrm b",
    "bench --tenant bench --workload e --records 1000000 --value-size 1000 --json",
  ]);
  return addBenchOptions(command)
    .addHelpText("after", help)
    .action((options: BenchOptions) => bench(context, options));
}

async function bench(context: CommandContext, options: BenchOptions): Promise<void> {
  await withConnection(context, options, async (connection) => {
    await checkTenant(connection, options);
    const bench = new Bench(context, options, connection.address);
    const reports: Record<string, PhaseReport> = {};
    if (options.phase !== "run") reports["load"] = await bench.load();
    if (options.phase !== "load") reports["run"] = await bench.run();
    if (options.json) await printJson(context, { ...describe(options), ...reports });
    if (Object.values(reports).some(({ failed }) => failed > 0)) context.exitCode = exitCodes.failure;
  });
}

function describe(options: BenchOptions) {
  const { workload, tenant, records, valueSize, connections, inFlight, rate, seed } = options;
  return {
    workload,
    tenant,
    keys: keysOf(options),
    records,
    value_bytes: valueSize,
    connections,
    in_flight: inFlight,
    ...(rate === undefined ? {} : { rate }),
    seed,
  };
}

function keysOf({ workload, keys }: BenchOptions) {
  return keys ?? mixes[workload].keys;
}

/** Refuses to write where somebody's records may be, and to run where records are missing. */
async function checkTenant({ service }: NodeConnection, options: BenchOptions): Promise<void> {
  const { tenant: tenantId, phase, workload, records, existingData } = options;
  const isReading = phase === "run" && Object.keys(mixes[workload].shares).every((kind) => kind === "read");
  if (!isReading && existingData === undefined) {
    for await (const { entries } of service.scan({ tenantId, limit: 1, keysOnly: true })) {
      if (entries.length === 0) continue;
      throw new StorageError(
        "INVALID_ARGUMENT",
        `tenant ${JSON.stringify(tenantId)} holds records: give another --tenant, or --existing-data to write there`,
      );
    }
  }
  if (phase !== "run") return;
  const last = await service.read({ tenantId, key: keyOf(records - 1) });
  if (last.success) return;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `tenant ${JSON.stringify(tenantId)} holds no ${records} records of a bench: load them first (--phase load)`,
  );
}

class Bench {
  readonly #context: CommandContext;
  readonly #options: BenchOptions;
  readonly #address: URL;
  readonly #credentials: ClientCredentials;

  constructor(context: CommandContext, options: BenchOptions, address: string) {
    this.#context = context;
    this.#options = options;
    this.#address = new URL(`http://${address}`);
    this.#credentials = readCredentials(context, options);
  }

  load(): Promise<PhaseReport> {
    const { records } = this.#options;
    const work = { mix: loadMix, keys: loadMix.keys, recordCount: 0 };
    return this.#phase("load", work, {
      rate: undefined,
      operationCount: records,
      durationMs: Number.POSITIVE_INFINITY,
    });
  }

  run(): Promise<PhaseReport> {
    const { workload, rate, operations = Number.POSITIVE_INFINITY, duration, records } = this.#options;
    const work = { mix: mixes[workload], keys: keysOf(this.#options), recordCount: records };
    return this.#phase(`workload ${workload}`, work, {
      rate,
      operationCount: operations,
      durationMs: duration,
    });
  }

  async #phase(
    title: string,
    work: Work,
    bounds: Pick<LoadOptions, "rate" | "operationCount" | "durationMs">,
  ): Promise<PhaseReport> {
    const { tenant, valueSize, connections, inFlight, seed, json } = this.#options;
    const { hostname, port } = this.#address;
    const { authorization } = this.#credentials;
    const random = seededRandom(seed);
    const requests = new Requests(tenant, `bench-${seed}`, valueSize, random);
    const run = new LoadRun(this.#context.environment.clock, random, requests, work, {
      ...bounds,
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port),
      tls: this.#credentials.tls,
      fields: authorization === undefined ? [] : [["authorization", authorization]],
      connectionCount: connections,
      inFlight,
    });
    const result = await this.#watched(title, run, bounds);
    const report = phaseReport(result);
    if (!json) await this.#context.print(phaseText(title, report));
    await this.#writeHistograms(result);
    return report;
  }

  async #watched(
    title: string,
    run: LoadRun,
    { operationCount, durationMs }: Pick<LoadOptions, "operationCount" | "durationMs">,
  ): Promise<LoadResult> {
    const { clock } = this.#context.environment;
    const isTimed = operationCount === Number.POSITIVE_INFINITY;
    const progress = startProgress(this.#context, title, isTimed ? durationMs : operationCount);
    let lastCount = 0;
    const tell = (): void => {
      const { recent, failedCount } = run.result;
      const perSecond = ((run.endedCount - lastCount) * 1000) / progressIntervalMs;
      progress.update(isTimed ? run.elapsedMs : run.endedCount, progressNote(perSecond, recent, failedCount));
      lastCount = run.endedCount;
      recent.reset();
      timer = clock.after(progressIntervalMs, tell);
    };
    let timer = clock.after(progressIntervalMs, tell);
    try {
      return await run.run();
    } finally {
      timer.cancel();
      progress.stop();
    }
  }

  async #writeHistograms({ latencies }: LoadResult): Promise<void> {
    const { hgrm } = this.#options;
    if (hgrm === undefined) return;
    for (const [kind, histogram] of latencies) {
      const output = createOutput(`${hgrm}-${kind}.hgrm`);
      await output.write(percentileText(histogram));
      await output.close();
    }
  }
}
