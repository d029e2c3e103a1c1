import { describe, expect, test } from "bun:test";
import { type Announcement, announcedPort, encodeAnnouncement } from "../../../src/server/announcement.ts";
import { FigureSource } from "../../../src/server/figure-source.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const announcement: Announcement = {
  nodeId: "storage-node-1",
  status: "healthy",
  timestampMs: 1_700_000_000_999,
  grpcPort: 50_052,
  version: "1.2.3",
  figures: {
    cpuShare: 0.12345,
    memoryShare: 0.5,
    diskShare: 0.25,
    requestsPerSecond: 1234.56,
    errorShare: 0,
    cacheHitShare: 0.987,
  },
};

function read(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

describe("what a node tells of itself", () => {
  test("carries the names that other nodes know, and ours", () => {
    expect(read(encodeAnnouncement(announcement, 512))).toEqual({
      NodeID: "storage-node-1",
      Status: "healthy",
      Timestamp: 1_700_000_000,
      Metrics: {
        CPUUsage: 12.3,
        MemoryUsage: 50,
        DiskUsage: 25,
        RequestRate: 1234.6,
        ErrorRate: 0,
        CacheHitRate: 98.7,
      },
      GRPCPort: 50_052,
      Version: "1.2.3",
    });
  });

  test("leaves out metrics, and never ends in the middle, where there is no room", () => {
    const nodeId = "n".repeat(128);
    for (let maxBytes = 250; maxBytes < 400; maxBytes++) {
      const bytes = encodeAnnouncement({ ...announcement, nodeId }, maxBytes);
      expect(bytes.length).toBeLessThanOrEqual(maxBytes);
      expect(read(bytes)).toMatchObject({ NodeID: nodeId, Status: "healthy", GRPCPort: 50_052 });
    }
    expect(encodeAnnouncement({ ...announcement, nodeId: "é".repeat(64) }, 512).length).toBeLessThanOrEqual(
      512,
    );
  });
});

test("rates are those since the last reading", () => {
  const clock = new ManualClock();
  const totals = { cpuMs: 1000, calls: 10, failures: 5 };
  const source = new FigureSource({
    clock,
    cpuTimeMs: () => totals.cpuMs,
    processStatus: () => ({
      memoryBytes: 250,
      mappedResidentBytes: 0,
      threadCount: 1,
      openFileCount: 40,
      openFileLimit: 1000,
    }),
    memoryStatus: () => ({ limitBytes: 1000, usedBytes: 0, stalledShare: undefined }),
    diskUsage: () => ({ totalBytes: 100, availableBytes: 90 }),
    calls: () => [
      {
        method: "Get",
        callCount: totals.calls,
        failureCount: totals.failures,
        durations: { bounds: [], counts: [] },
      },
    ],
    cacheCounts: () => ({ hits: 3, misses: 1 }),
  });
  expect(source.read()).toMatchObject({ cpuShare: 0, requestsPerSecond: 0, errorShare: 0 });
  clock.advance(2000);
  Object.assign(totals, { cpuMs: 2000, calls: 110, failures: 15 });
  expect(source.read()).toEqual({
    cpuShare: 0.5,
    memoryShare: 0.25,
    diskShare: 0.1,
    requestsPerSecond: 50,
    errorShare: 0.1,
    cacheHitShare: 0.75,
  });
});

test("the port that a node tells is read by others; what strangers tell may be anything", () => {
  expect(announcedPort(encodeAnnouncement(announcement, 512))).toBe(50_052);
  const text = (meta: string) => announcedPort(new TextEncoder().encode(meta));
  for (const meta of ["", "no JSON", "null", "[]", "7", "{}", '{"GRPCPort":"7"}']) {
    expect(text(meta)).toBeUndefined();
  }
  for (const port of ["0", "-1", "65536", "1.5", "null", "1e99"]) {
    expect(text(`{"GRPCPort":${port}}`)).toBeUndefined();
  }
  expect(announcedPort(Uint8Array.of(0xff, 0xfe))).toBeUndefined();
});
