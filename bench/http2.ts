/**
 * The bare HTTP/2 server under h2load, beside a bare `node:http2` handler: `bun bench/http2.ts [--json] [--rounds N]
 * [--calls N]`.
 *
 * Ours answers every request with headers, 109 bytes and trailers, as a small gRPC answer has them; the other leaves
 * out the trailers, which would cost it much. They run in processes of their own, take turns within each round, and
 * the ratio of each round counts.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { encodeFields } from "../src/http2/hpack/encoder.ts";
import { Http2Server } from "../src/http2/server.ts";
import { systemClock } from "../src/platform/clock.ts";
import { processorUs } from "../test/support/load.ts";

const kinds = ["native", "node"] as const;
type Kind = (typeof kinds)[number];

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    calls: { type: "string", default: "200000" },
    connections: { type: "string", default: "8" },
    streams: { type: "string", default: "32" },
    bytes: { type: "string", default: "109" },
    /** Used by the benchmark itself: runs a server and prints its port. */
    serve: { type: "string" },
  },
});

const hostname = "127.0.0.1";
const answer = new Uint8Array(Number(options.bytes)).fill(1);

function serveNative(): number {
  const headers = encodeFields([
    [":status", "200"],
    ["content-type", "application/grpc"],
  ]);
  const trailers = encodeFields([["grpc-status", "0"]]);
  const handle: ConstructorParameters<typeof Http2Server>[0]["handle"] = (_, response) =>
    response.answer(headers, answer, 0, answer.length, trailers);
  return new Http2Server({ hostname, port: 0, handle, clock: systemClock }).port;
}

function serveNode(): Promise<number> {
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.end(answer);
  });
  return new Promise((resolve) => {
    server.listen(0, hostname, () => resolve((server.address() as AddressInfo).port));
  });
}

interface Server {
  readonly port: number;
  readonly process: Bun.Subprocess;
}

async function start(kind: Kind): Promise<Server> {
  const command = [process.execPath, import.meta.path, "--serve", kind, "--bytes", options.bytes];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return { port: Number(new TextDecoder().decode(value)), process: child };
}

interface Round {
  readonly callsPerSecond: number;
  /** What the server spent, of all its threads: unlike the rate, hardly moved by what else the machine does. */
  readonly processorUsPerCall: number;
}

/** Throws when a call was not answered by 200. */
async function load(server: Server, calls: string, bodyPath: string): Promise<Round> {
  const before = processorUs(server.process.pid);
  const command = ["h2load", "-t1", `-n${calls}`, `-c${options.connections}`, `-m${options.streams}`];
  command.push("-d", bodyPath, "-H", "content-type: application/grpc", "-H", "te: trailers");
  const child = Bun.spawn([...command, `http://${hostname}:${server.port}/storage.StorageNodeService/Read`], {
    stdout: "pipe",
  });
  const report = await child.stdout.text();
  const succeeded = /status codes: (\d+) 2xx/.exec(report)?.[1];
  const rate = /, ([\d.]+) req\/s/.exec(report)?.[1];
  if (succeeded !== calls || rate === undefined) throw new Error(`h2load failed:\n${report}`);
  const spentUs = processorUs(server.process.pid) - before;
  return { callsPerSecond: Number(rate), processorUsPerCall: spentUs / Number(calls) };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function measure(): Promise<Record<Kind, Round[]>> {
  const folder = mkdtempSync(join(tmpdir(), "http2-bench-"));
  const bodyPath = join(folder, "body");
  writeFileSync(bodyPath, Uint8Array.of(0, 0, 0, 0, 6, 10, 1, 116, 18, 1, 107));
  const servers: Record<Kind, Server> = { native: await start("native"), node: await start("node") };
  const rounds: Record<Kind, Round[]> = { native: [], node: [] };
  try {
    for (const kind of kinds) await load(servers[kind], options.calls, bodyPath);
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const kind of kinds) rounds[kind].push(await load(servers[kind], options.calls, bodyPath));
    }
  } finally {
    for (const kind of kinds) servers[kind].process.kill();
    rmSync(folder, { recursive: true });
  }
  return rounds;
}

function summarise(rounds: readonly Round[]): Round {
  return {
    callsPerSecond: Math.round(median(rounds.map(({ callsPerSecond }) => callsPerSecond))),
    processorUsPerCall: median(rounds.map(({ processorUsPerCall }) => processorUsPerCall)),
  };
}

async function report(): Promise<void> {
  const rounds = await measure();
  const [native, node] = [summarise(rounds.native), summarise(rounds.node)];
  const ratios = rounds.native.map(
    ({ callsPerSecond }, i) => callsPerSecond / rounds.node[i]!.callsPerSecond,
  );
  const ratio = median(ratios);
  const processorRatio = node.processorUsPerCall / native.processorUsPerCall;
  if (options.json) {
    console.log(JSON.stringify({ native, node, ratio, processorRatio, rounds }));
    return;
  }
  for (const [kind, { callsPerSecond, processorUsPerCall }] of Object.entries({ native, node })) {
    console.log(
      `${kind.padEnd(7)} ${callsPerSecond} calls/s, ${processorUsPerCall.toFixed(2)} us of processor a call`,
    );
  }
  console.log(`ratio   ${ratio.toFixed(2)} (${ratios.map((value) => value.toFixed(2)).join(", ")})`);
  console.log(`ratio   ${processorRatio.toFixed(2)} by processor time`);
}

if (options.serve === undefined) await report();
else console.log(options.serve === "native" ? serveNative() : await serveNode());
