/** `h2load` (Debian's nghttp2-client): one request, over and over. What it says of success is HTTP's, not gRPC's. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface H2loadOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly callCount: number;
  readonly connectionCount: number;
  /** Calls in flight on each connection. */
  readonly streamCount: number;
  /** Windows of 2^bits - 1 bytes, for streams and the connection; default 30. */
  readonly windowBits?: number;
  /** HTTP/1.1. */
  readonly isHttp1?: boolean;
  /** Put before the command: what pins it to a processor. */
  readonly prefix?: readonly string[];
}

export interface H2loadReport {
  readonly callsPerSecond: number;
  readonly meanMs: number;
  /** Of all answers' bodies together. */
  readonly bodyBytes: number;
}

export function isH2loadThere(): boolean {
  return Bun.which("h2load") !== null;
}

/** Runs it to its end. Throws unless every call was answered with 200. */
export async function runH2load(options: H2loadOptions): Promise<H2loadReport> {
  const folder = mkdtempSync(join(tmpdir(), "pairdb-load-"));
  try {
    const bodyPath = join(folder, "body");
    writeFileSync(bodyPath, options.body);
    const child = Bun.spawn([...(options.prefix ?? []), ...command(options, bodyPath)], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [printed, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) throw new Error(`h2load failed: ${complaints}${printed}`);
    return readReport(printed, options.callCount);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function command(options: H2loadOptions, bodyPath: string): string[] {
  const { windowBits, isHttp1 = false } = options;
  return [
    "h2load",
    `--requests=${options.callCount}`,
    `--clients=${options.connectionCount}`,
    `--max-concurrent-streams=${options.streamCount}`,
    `--data=${bodyPath}`,
    ...Object.entries(options.headers).map(([name, value]) => `--header=${name}: ${value}`),
    ...(windowBits === undefined
      ? []
      : [`--window-bits=${windowBits}`, `--connection-window-bits=${windowBits}`]),
    ...(isHttp1 ? ["--h1"] : []),
    options.url,
  ];
}

function readReport(report: string, callCount: number): H2loadReport {
  const callsPerSecond = Number(/finished in \S+, ([\d.]+) req\/s/.exec(report)?.[1]);
  const succeeded = Number(/ (\d+) succeeded, 0 failed, 0 errored, 0 timeout/.exec(report)?.[1]);
  const mean = /time for request: +\S+ +\S+ +([\d.]+)(us|ms|s) /.exec(report);
  const meanMs = Number(mean?.[1]) * { us: 0.001, ms: 1, s: 1000 }[mean?.[2] as "us" | "ms" | "s"];
  const bodyBytes = Number(/\((\d+)\) data$/m.exec(report)?.[1]);
  if (succeeded !== callCount || !(callsPerSecond > 0) || !(meanMs > 0) || !(bodyBytes >= 0)) {
    throw new Error(`h2load did not finish its ${callCount} calls:\n${report}`);
  }
  return { callsPerSecond, meanMs, bodyBytes };
}
