/**
 * Kills of one node under load, over one data directory, until the time is over: at random moments of its life, while
 * it compacts, and while it is still starting. Each next node is checked against everything that was acknowledged.
 */
import { join } from "node:path";
import { type Random, seededRandom } from "../../src/platform/random.ts";
import { below } from "../support/random-operations.ts";
import { type NodeProcess, nodeCommand, spawnNode } from "../support/spawn-node.ts";
import type { ClientReport, ClientSettings, FromClient, ToClient } from "./messages.ts";

export interface CampaignSettings {
  readonly name: string;
  readonly dataDirectory: string;
  readonly seed: number;
  /** Runs before `serve`; absent: `pairdb-node`. */
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface CampaignResult {
  readonly kills: { whileStarting: number; whileCompacting: number; other: number };
  acknowledgedCount: number;
  verifiedCount: number;
  refusedCount: number;
  readonly problems: string[];
}

/** So small that flushes and compactions never rest. */
const configurationPath = join(import.meta.dir, "soak.yaml");
const longestStartMs = 400;
const longestLifeMs = 3000;
/** After a kill every call has failed by then. */
const longestEndMs = 60_000;

const clientSettings: Omit<ClientSettings, "seed"> = { tenant: "soak", keyCount: 5000, workerCount: 64 };

export class Campaign {
  readonly result: CampaignResult = {
    kills: { whileStarting: 0, whileCompacting: 0, other: 0 },
    acknowledgedCount: 0,
    verifiedCount: 0,
    refusedCount: 0,
    problems: [],
  };
  readonly #settings: CampaignSettings;
  readonly #random: Random;
  readonly #client: Client;
  #isStopped = false;

  constructor(settings: CampaignSettings) {
    this.#settings = settings;
    this.#random = seededRandom(settings.seed);
    this.#client = new Client({ ...clientSettings, seed: settings.seed + 1 });
  }

  get name(): string {
    return this.#settings.name;
  }

  /** Ends at the first problem, after `stop`, or some seconds after `deadlineMs` (of `performance.now()`). */
  async run(deadlineMs: number): Promise<void> {
    try {
      while (performance.now() < deadlineMs && this.#isSound && !this.#isStopped) {
        if (below(this.#random, 5) === 0) await this.#killWhileStarting();
        else await this.#killUnderLoad();
      }
      if (this.#isSound) await this.#finish();
    } catch (error) {
      this.result.problems.push(String(error));
    } finally {
      this.#client.end();
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  get #isSound(): boolean {
    return this.result.problems.length === 0;
  }

  #spawn() {
    const { dataDirectory, command, environment } = this.#settings;
    return spawnNode({
      dataDirectory,
      args: ["--config", configurationPath],
      ...(command !== undefined && { command }),
      ...(environment !== undefined && { environment }),
    });
  }

  async #killWhileStarting(): Promise<void> {
    const { serving, kill } = this.#spawn();
    serving.catch(() => {});
    await Bun.sleep(below(this.#random, longestStartMs));
    await kill();
    this.result.kills.whileStarting++;
  }

  async #killUnderLoad(): Promise<void> {
    const node = await this.#spawn().serving;
    const work = this.#client.ask({ kind: "serving", address: node.grpcAddress });
    const moment = await Promise.race([work.ended, this.#killMoment(node, work.checked)]);
    await node.kill();
    this.#take(await withinTime(work.ended, "the client's calls did not end with the node"));
    if (typeof moment === "string") this.result.kills[moment]++;
    else if (moment.endedBy !== undefined) {
      this.result.problems.push(`calls failed under a living node: ${moment.endedBy}`);
    }
  }

  /** While the client checks, while it writes, or when a compaction runs then. */
  async #killMoment(node: NodeProcess, checked: Promise<void>): Promise<"whileCompacting" | "other"> {
    const choice = below(this.#random, 4);
    if (choice > 0) await checked;
    await Bun.sleep(below(this.#random, longestLifeMs));
    if (choice < 2) return "other";
    for (let attempt = 0; attempt < 100; attempt++) {
      if ((await gauge(node, "pairdb_compaction_running")) > 0) return "whileCompacting";
    }
    return "other";
  }

  async #finish(): Promise<void> {
    const node = await this.#spawn().serving;
    const report = await this.#client.ask({ kind: "last", address: node.grpcAddress }).ended;
    this.#take(report);
    if (report.endedBy !== undefined) this.result.problems.push(`the last check failed: ${report.endedBy}`);
    const exitCode = await node.stop();
    if (exitCode !== 0) this.result.problems.push(`the last node ended with ${exitCode}:\n${node.output()}`);
    const verify = Bun.spawnSync([...nodeCommand(), "verify", this.#settings.dataDirectory]);
    if (!verify.success) this.result.problems.push(`verify: ${verify.stdout}${verify.stderr}`);
  }

  #take({ acknowledgedCount, verifiedCount, refusedCount, problems }: ClientReport): void {
    Object.assign(this.result, { acknowledgedCount, verifiedCount, refusedCount });
    this.result.problems.push(...problems);
  }
}

/** What a client was asked for. */
interface Work {
  readonly checked: Promise<void>;
  readonly ended: Promise<ClientReport>;
}

/** The process that writes and checks. */
class Client {
  readonly #child;
  #checked = Promise.withResolvers<void>();
  #ended = Promise.withResolvers<ClientReport>();

  constructor(settings: ClientSettings) {
    this.#child = Bun.spawn([process.execPath, join(import.meta.dir, "client.ts")], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: FromClient) => {
        if (message.kind === "checked") this.#checked.resolve();
        else this.#ended.resolve(message.report);
      },
      onExit: (_, exitCode) => this.#ended.reject(new Error(`the client ended with ${exitCode}`)),
    });
    this.#ended.promise.catch(() => {});
    this.#send({ kind: "begin", settings });
  }

  ask(message: ToClient): Work {
    this.#checked = Promise.withResolvers();
    this.#ended = Promise.withResolvers();
    this.#ended.promise.catch(() => {});
    this.#send(message);
    return { checked: this.#checked.promise, ended: this.#ended.promise };
  }

  end(): void {
    this.#child.kill();
  }

  #send(message: ToClient): void {
    this.#child.send(message);
  }
}

/** A gauge of a living node; 0 where it does not say. */
async function gauge(node: NodeProcess, name: string): Promise<number> {
  const text = await fetch(`${node.httpUrl}/metrics`).then((response) => response.text());
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\d+)`, "m").exec(text)?.[1] ?? 0);
}

async function withinTime<Value>(promise: Promise<Value>, complaint: string): Promise<Value> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => timeout.reject(new Error(complaint)), longestEndMs);
  try {
    return await Promise.race([promise, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
