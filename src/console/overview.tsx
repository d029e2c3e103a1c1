/** How the node is, at a glance: its health with the reasons, the figures of this moment, and the last five minutes. */
import type { Health, WatchStatsResponse } from "../gen/pairdb/admin/v1/admin_pb.ts";
import { admin } from "./api.ts";
import { Chart, type ChartProps } from "./chart.tsx";
import { bytes, bytesPerSecond, count, duration, percent, rate } from "./format.ts";
import { Badge, Facts, Failure, Loading, Panel, type Tone } from "./parts.tsx";
import { feed } from "./stats-feed.ts";
import { useStore } from "./store.ts";
import { useCall } from "./use-call.ts";

export function Overview() {
  const { state, last, failure } = useStore(feed);
  const status = useCall((signal) => admin.getStatus({}, { signal }), [], 10_000);
  if (state === "refused") return <Failure error={failure} />;
  if (last === undefined && state === "lost") return <Failure error={failure} />;
  if (last === undefined) return <Loading what="live figures" />;
  const { answer } = status;
  return (
    <>
      <HealthBanner health={last.health} />
      <Tiles stats={last} uptimeSeconds={answer?.uptimeSeconds} tableBytes={answer?.store?.tableBytes} />
      <h2 class="section-title">Last five minutes</h2>
      <Charts stats={last} />
      {answer && (
        <Panel title="This node">
          <Facts
            facts={[
              ["Node", answer.nodeId],
              ["Version", answer.version],
              ["Store", <code key="store">{answer.store?.storeId}</code>],
              ["Newest entry", count(answer.store?.lastSequence ?? 0n)],
              ["Durable up to", count(answer.store?.durableSequence ?? 0n)],
              ["Open scans", count(answer.store?.viewCount ?? 0)],
              ["Threads", count(answer.process?.threadCount ?? 0)],
              [
                "Commit log",
                `${bytes(answer.commitLog?.sizeBytes ?? 0n)}, segments: ${answer.commitLog?.segmentCount}`,
              ],
            ]}
          />
        </Panel>
      )}
    </>
  );
}

const toneOfHealth: Record<string, Tone> = { healthy: "good", degraded: "warn", unhealthy: "bad" };

function HealthBanner({ health }: { health: Health | undefined }) {
  if (health === undefined) return null;
  const reasons = [...new Set([...health.reasons, ...health.notReadyReasons])];
  return (
    <section
      class={`health ${toneOfHealth[health.status] ?? "quiet"}`}
      aria-label="Health"
      aria-live="polite"
    >
      <div>
        <strong class="health-status">{health.status}</strong>{" "}
        <Badge tone={health.isReady ? "good" : "warn"}>{health.isReady ? "ready" : "not ready"}</Badge>{" "}
        {health.phase !== "serving" && <Badge tone="quiet">{health.phase}</Badge>}
      </div>
      {reasons.length > 0 && (
        <ul>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface TilesProps {
  readonly stats: WatchStatsResponse;
  readonly uptimeSeconds: number | undefined;
  readonly tableBytes: bigint | undefined;
}

function Tiles({ stats, uptimeSeconds, tableBytes }: TilesProps) {
  const { memtables, disk, process, rates, level0TableCount, compaction } = stats;
  const calls = stats.methods.reduce((total, method) => total + method.callsPerSecond, 0);
  const tiles: readonly (readonly [string, string, string])[] = [
    ["Calls", rate(Math.round(calls)), `${stats.methods.length} methods in use`],
    [
      "Cache hits",
      rates?.cacheHitRatio === undefined ? "–" : percent(rates.cacheHitRatio),
      `${bytes(stats.cache?.sizeBytes ?? 0n)} cached`,
    ],
    [
      "Memtable",
      share(memtables?.activeBytes, memtables?.maxBytes),
      `${count(memtables?.activeEntryCount ?? 0n)} entries, ${memtables?.frozenCount ?? 0} to flush`,
    ],
    [
      "Tables",
      tableBytes === undefined ? "–" : bytes(tableBytes),
      `${level0TableCount} on level 0, ${compaction?.runningCount ?? 0} compactions`,
    ],
    ["Disk", bytes(disk?.availableBytes ?? 0n), `free of ${bytes(disk?.totalBytes ?? 0n)}, ${disk?.state}`],
    ["Memory", bytes(process?.memoryBytes ?? 0n), `of ${bytes(process?.memoryLimitBytes ?? 0n)}`],
    [
      "Uptime",
      uptimeSeconds === undefined ? "–" : duration(uptimeSeconds),
      `lag ${duration(process?.longestEventLoopLagSeconds ?? 0)}`,
    ],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([name, value, detail]) => (
        <div class="tile" key={name}>
          <dt>{name}</dt>
          <dd class="value">{value}</dd>
          <dd class="detail">{detail}</dd>
        </div>
      ))}
    </dl>
  );
}

function share(part: bigint | undefined, whole: bigint | undefined): string {
  return whole === undefined || whole === 0n ? "–" : percent(Number(part ?? 0n) / Number(whole));
}

function Charts({ stats }: { stats: WatchStatsResponse }) {
  return (
    <div class="charts">
      {chartsOf(stats).map((chart) => (
        <Chart key={chart.title} {...chart} />
      ))}
    </div>
  );
}

function chartsOf({ memtables, disk }: WatchStatsResponse): ChartProps[] {
  const written = { log: "logged", flushes: "flushed", compactions: "compacted" } as const;
  const memtableBytes = Number(memtables?.maxBytes ?? 0n);
  const diskBytes = Number(disk?.totalBytes ?? 0n);
  return [
    { title: "Throughput", format: rate, series: { reads: "reads", writes: "writes", failures: "failures" } },
    { title: "Read latency", format: duration, series: { p50: "readP50", p99: "readP99" } },
    { title: "Write latency", format: duration, series: { p50: "writeP50", p99: "writeP99" } },
    { title: "Memtable", format: bytes, isBytes: true, max: memtableBytes, series: { filled: "memtable" } },
    {
      title: "Writers held up",
      format: percent,
      max: 0.01,
      series: { stalled: "stalled", slowed: "delayed" },
    },
    { title: "Cache hit ratio", format: percent, max: 1, series: { hits: "cacheHits" } },
    { title: "Written to disk", format: bytesPerSecond, isBytes: true, series: written },
    { title: "Disk used", format: bytes, isBytes: true, max: diskBytes, series: { used: "diskUsed" } },
    { title: "Memory", format: bytes, isBytes: true, series: { process: "memory", mapped: "mapped" } },
    { title: "Event-loop lag", format: duration, max: 0.01, series: { longest: "lag" } },
  ];
}
