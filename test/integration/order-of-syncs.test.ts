/** The order that docs/durability.md claims, as the system saw it. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nodeCommand, runCommand, startNode } from "../support/node-process.ts";
import { requirePeer } from "../support/peers.ts";
import { parseTrace, type SystemCall, traced } from "../support/system-calls.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const available = requirePeer("strace", () => Bun.which("strace") !== null);
const folder = temporaryFolder();
const dataDirectory = join(folder, "data");
const output = join(folder, "trace");

interface Step {
  readonly call: string;
  readonly path: RegExp;
}

/** Finds the steps one after the other, each begun after the one before it has ended. */
function expectOrder(calls: readonly SystemCall[], steps: readonly Step[]): void {
  let after = -1;
  for (const { call, path } of steps) {
    const found = calls.find(
      ({ name, target, startedAt }) => name === call && path.test(target) && startedAt > after,
    );
    const seen = calls.map(({ name, target }) => `${name} ${target}`).join("\n");
    if (found === undefined) throw new Error(`no ${call} of ${path} in its place in:\n${seen}`);
    after = found.endedAt;
  }
}

function never(calls: readonly SystemCall[], call: string, path: RegExp, before: SystemCall): void {
  const early = calls.find(
    ({ name, target, startedAt }) => name === call && path.test(target) && startedAt < before.endedAt,
  );
  expect(early).toBeUndefined();
}

/** Runs a node under strace through a start, one put and a stop; returns the calls of each of the three. */
async function traceNode(): Promise<{ start: SystemCall[]; put: SystemCall[]; stop: SystemCall[] }> {
  const calls = "fdatasync,fsync,rename,renameat,renameat2,unlink,unlinkat,pwrite64";
  const node = await startNode({ dataDirectory, command: traced(nodeCommand(), output, calls) });
  const startLength = readFileSync(output, "utf8").length;
  const put = await runCommand(["put", "--addr", node.grpcAddress, "greeting", "hello"]);
  expect(put.exitCode).toBe(0);
  const putLength = readFileSync(output, "utf8").length;
  expect(await node.stop()).toBe(0);
  let trace = readFileSync(output, "utf8");
  while (!trace.includes("exited with")) {
    await Bun.sleep(20);
    trace = readFileSync(output, "utf8");
  }
  return {
    start: parseTrace(trace.slice(0, startLength)),
    put: parseTrace(trace.slice(startLength, putLength)),
    stop: parseTrace(trace.slice(putLength)),
  };
}

describe.if(available)("the order of syncs", () => {
  test("of a start with a new manifest, a put, and a flush", async () => {
    const first = await startNode({ dataDirectory });
    expect((await runCommand(["put", "--addr", first.grpcAddress, "a", "1"])).exitCode).toBe(0);
    expect(await first.stop()).toBe(0);

    const { start, put, stop } = await traceNode();
    expectOrder(start, [
      { call: "fdatasync", path: /MANIFEST-\d+$/ },
      { call: "fsync", path: /data$/ },
      { call: "fdatasync", path: /CURRENT\.tmp$/ },
      { call: "rename", path: /CURRENT$/ },
      { call: "fsync", path: /data$/ },
      { call: "unlink", path: /MANIFEST-\d+$/ },
    ]);
    const renamed = start.find(({ name }) => name === "rename")!;
    never(start, "unlink", /MANIFEST-\d+$/, renamed);
    never(start, "unlink", /\.log$/, renamed);

    expectOrder(put, [
      { call: "pwrite64", path: /\.log$/ },
      { call: "fdatasync", path: /\.log$/ },
    ]);

    expectOrder(stop, [
      { call: "fdatasync", path: /\.sst$/ },
      { call: "fsync", path: /sstables$/ },
      { call: "pwrite64", path: /MANIFEST-\d+$/ },
      { call: "fdatasync", path: /MANIFEST-\d+$/ },
      { call: "pwrite64", path: /MANIFEST-\d+$/ },
      { call: "fdatasync", path: /MANIFEST-\d+$/ },
    ]);
    const named = stop.filter(({ name, target }) => name === "fdatasync" && /MANIFEST/.test(target))[1]!;
    never(stop, "unlink", /\.log$/, named);
  }, 60_000);
});
