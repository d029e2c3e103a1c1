/** `top` on a node: a line for each look, JSON, and a screen in a real terminal. */
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { screenOf } from "../../../src/cli/top/screen.ts";
import {
  LevelSchema,
  StreamInfoSchema,
  WatchStatsResponseSchema,
} from "../../../src/gen/pairdb/admin/v1/admin_pb.ts";
import { command, serve } from "../../support/command-line.ts";
import { nodeCommand } from "../../support/node-process.ts";
import { requirePeer } from "../../support/peers.ts";

const figures = {
  nodeId: "n1",
  stats: create(WatchStatsResponseSchema, {
    health: { status: "degraded", reasons: ["the disk is nearly full"] },
    methods: [{ method: "Read", callsPerSecond: 1234.4, p50Seconds: 0.0004, p99Seconds: 0.0213 }],
    compaction: { runningCount: 2, isPaused: true },
    cache: { sizeBytes: 1024n, budgetBytes: 2048n },
    rates: { cacheHitRatio: 0.912, stalledShare: 0.5 },
  }),
  levels: [create(LevelSchema, { level: 1, tableCount: 7, sizeBytes: 2n ** 30n, writeAmplification: 3.21 })],
  streams: [create(StreamInfoSchema, { targetNodeId: "n2\u001b[2J", state: "copying", keysCopied: 5n })],
};

test("a screen has all that is asked of it", () => {
  const text = screenOf(figures, 200, 50).join("\n");
  expect(text).toMatch(/^n1 {2}degraded; the disk is nearly full$/m);
  expect(text).toMatch(/^Read +1234 +0 +0\.40 ms +21 ms +-$/m);
  expect(text).toMatch(/^L1 +7 +1\.0 GiB +0 +0 B +3\.2$/m);
  expect(text).toContain("cache 1.0 KiB of 2.0 KiB, 91 % hits  compacting 2, paused");
  expect(text).toContain("writers stalled 50 %, slowed 0 %");
  expect(text).toContain("copying, 5 keys copied");
  // What other nodes say of themselves does not move the cursor.
  expect(text).not.toContain("\u001b");
});

test("a small terminal gets what fits", () => {
  const lines = screenOf(figures, 40, 6);
  expect(lines.length).toBe(6);
  expect(Math.max(...lines.map((line) => line.length))).toBe(40);
});

test("without a terminal there is a line for each look", async () => {
  const node = await serve();
  const looks = ["top", "--interval", "500", "--count", "2", "--addr", node.address];
  const { exitCode, stdout } = await command(looks);
  expect([exitCode, stdout.toString().trim().split("\n").length]).toEqual([0, 2]);
  expect(stdout.toString()).toMatch(/^\d{4}-\S+Z {2}healthy {2}0 calls\/s {2}p99 0\.00 ms {2}cache /);
  const json = await command([...looks, "--json"]);
  const [first] = json.stdout.toString().split("\n");
  expect(JSON.parse(first ?? "").health.status).toBe("healthy");
  expect((await command(["top", "--interval", "1"])).exitCode).toBe(2);
});

test.if(requirePeer("script, of bsdutils,", () => Bun.which("script") !== null))(
  "in a terminal it draws, and q gives the screen back",
  async () => {
    const node = await serve();
    const line = [...nodeCommand(), "top", "--interval", "500", "--addr", node.address].join(" ");
    const child = Bun.spawn(["script", "-qec", `stty cols 60 rows 12; ${line}`, "/dev/null"], {
      stdin: "pipe",
      stdout: "pipe",
    });
    let drawn = "";
    let hasAsked = false;
    for await (const chunk of child.stdout) {
      drawn += new TextDecoder().decode(chunk);
      if (hasAsked || !drawn.includes("LEVEL")) continue;
      hasAsked = true;
      child.stdin.write("q");
      await child.stdin.flush();
    }
    expect(await child.exited).toBe(0);
    expect(drawn).toContain("\u001b[?1049h");
    expect(drawn.trimEnd().endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);
  },
  60_000,
);
