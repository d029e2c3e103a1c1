import type { AdminSources, CallCounts } from "../../src/rpc/admin/sources.ts";

/** What the admin service would hear of a process; `calls` may be changed. */
export function testAdminSources(): AdminSources & { calls(): CallCounts[] } {
  const calls: CallCounts[] = [];
  return {
    nodeId: "node-1",
    version: "1.2.3",
    startedAtMs: 1_700_000_000_000,
    uptimeMs: () => 1500,
    health: () => ({ status: "healthy", reasons: [], isReady: true, notReadyReasons: [], phase: "serving" }),
    process: () => ({
      memoryBytes: 7000,
      mappedResidentBytes: 500,
      threadCount: 9,
      memoryLimitBytes: 90_000,
    }),
    disk: () => ({ totalBytes: 1000, availableBytes: 250, state: "ok" }),
    longestLagMs: (withinMs) => withinMs / 1000,
    calls: () => calls,
    access: { authMode: "none", hasTls: false, isOnNetwork: false, anonymousScopes: ["read"] },
    memtableBytes: 64 << 20,
    ring: () => ({ members: [], recentEvents: [] }),
    settings: () => [{ key: "server.port", value: "50052" }],
    slowCalls: () => [],
    recentLines: { lastSequence: 0, after: () => [] },
    log: { level: "info" },
  };
}
