/** The filter of the systemd unit lets through every system call that a node makes. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "../support/command-line.ts";
import { nodeCommand, startNode } from "../support/node-process.ts";
import { requirePeer } from "../support/peers.ts";
import { parseTrace, traced } from "../support/system-calls.ts";
import { allowedSystemCalls, hasSystemd } from "../support/systemd.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const hasStrace = requirePeer("strace", () => Bun.which("strace") !== null);

/** Traced although it is let through, so that a tracer that sees nothing is noticed. */
const canary = "fdatasync";

test.if(hasSystemd && hasStrace)("a node that writes, flushes, compacts, copies and gossips", async () => {
  const allowed = allowedSystemCalls();
  expect(["mount", "ptrace", "setuid"].filter((name) => allowed.has(name))).toEqual([]);
  expect(allowed.delete(canary)).toBe(true);
  const output = join(temporaryFolder(), "trace");
  // All others; a name that this processor has no call for is no mistake. The filter runs in the kernel.
  const calls = `!${[...allowed].map((name) => `?${name}`).join(",")}`;
  const [strace = "", ...rest] = traced(nodeCommand(), output, calls);
  const environment = { PAIRDB_GOSSIP_ENABLED: "true", PAIRDB_GOSSIP_BIND_PORT: "0" };
  const node = await startNode({ command: [strace, "--seccomp-bpf", ...rest], environment });
  const commands = [
    ["put", "a", "1"],
    ["flush"],
    ["put", "a", "2"],
    ["compact"],
    ["checkpoint", "copy"],
    ["get", "a"],
  ];
  for (const words of commands) {
    const { exitCode, stderr } = await command([...words, "--addr", node.grpcAddress]);
    expect([words, exitCode, stderr]).toEqual([words, 0, expect.any(String)]);
  }
  expect(await node.stop()).toBe(0);
  // The tracer ends after what it traces.
  while (!readFileSync(output, "utf8").trimEnd().endsWith("+++")) await Bun.sleep(20);
  const made = parseTrace(readFileSync(output, "utf8")).map(({ name }) => name);
  expect([...new Set(made)]).toEqual([canary]);
});
