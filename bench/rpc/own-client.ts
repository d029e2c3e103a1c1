/** Load by the client of ours, for what h2load cannot do: calls that differ, and calls at a fixed rate. */
import { join } from "node:path";
import type { ClientPlan, ClientReport } from "./client/plan.ts";
import { loadPrefix } from "./processors.ts";
import type { Generate, Load } from "./round.ts";
import type { Server } from "./server.ts";
import { firstKey, keyDigits, type Work } from "./work.ts";

export interface OwnLoad extends Load {
  readonly medianMs: number;
  readonly p99Ms: number;
}

export interface OwnClientOptions {
  /** More than 1: calls take turns with as many keys. */
  readonly keyCount?: number;
  readonly hasTimeouts?: boolean;
  readonly callsPerSecond?: number;
}

export function byOwnClient(options: OwnClientOptions = {}): Generate<OwnLoad> {
  return (server, work, callCount) => runClient(planOf(server, work, callCount, options));
}

function planOf(
  { target }: Pick<Server, "target">,
  { connectionCount, streamCount }: Work,
  callCount: number,
  { keyCount = 1, hasTimeouts = false, callsPerSecond }: OwnClientOptions,
): ClientPlan {
  const { hostname, port, pathname } = new URL(target.url);
  const body = Buffer.from(target.body);
  return {
    host: hostname,
    port: Number(port),
    path: pathname,
    body: body.toString("base64"),
    keyAt: keyCount === 1 ? undefined : body.indexOf(firstKey) + firstKey.length - keyDigits,
    keyCount,
    hasTimeouts,
    lacksStatus: target.lacksStatus ?? false,
    callCount,
    connectionCount,
    streamCount,
    callsPerSecond,
  };
}

/** Rejects unless every call was answered with status 0. */
async function runClient(plan: ClientPlan): Promise<ClientReport> {
  const script = join(import.meta.dir, "client/main.ts");
  const child = Bun.spawn([...loadPrefix(), process.execPath, script, JSON.stringify(plan)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [printed, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`the load client failed: ${complaints}`);
  return JSON.parse(printed) as ClientReport;
}
