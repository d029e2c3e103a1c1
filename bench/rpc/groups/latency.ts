/**
 * How long a call takes when calls come at a rate of their own, whether or not earlier ones were answered. Its time
 * counts from the moment it was to be sent, so who stands still for a moment pays for all that came meanwhile.
 */
import { makeRow } from "../../engine/row.ts";
import { contest, medians } from "../contest.ts";
import type { Case, Group } from "../group.ts";
import { byOwnClient, type OwnLoad } from "../own-client.ts";
import type { StartServer } from "../server.ts";
import { etcd, isEtcdThere } from "../servers/etcd.ts";
import { ours } from "../servers/ours.ts";
import { side } from "../servers/side.ts";
import type { Work } from "../work.ts";
import { listOf } from "./rates.ts";

type Operation = "read" | "write";

const shape = { valueBytes: 100, connectionCount: 8, streamCount: 100 };

function serversFor(operation: Operation): Record<string, StartServer> {
  const peer = operation === "read" ? etcd({ isSerializable: true }) : etcd();
  return {
    ours: ours(),
    "bare node:http2": side("bare-http2"),
    ...(isEtcdThere() ? { etcd: peer } : {}),
  };
}

function latencyCase(
  operation: Operation,
  callsPerSecond: number,
  servers: Record<string, StartServer>,
): Case {
  const rate = `${callsPerSecond.toLocaleString("en-US")}/s`;
  const name = `${operation === "read" ? "Read" : "durable Write"} at ${rate}, 99th percentile`;
  const work: Work = { operation, ...shape };
  const generate = byOwnClient({ callsPerSecond });
  const contestants = Object.fromEntries(
    Object.entries(servers).map(([label, start]) => [label, { start, generate }]),
  );
  return {
    name,
    async run(settings) {
      const outcome = await contest<OwnLoad>(settings, work, contestants);
      const middle = medians(outcome, ({ medianMs }) => medianMs);
      const figures = medians(outcome, ({ p99Ms }) => p99Ms);
      return makeRow(name, "ms", figures, [], `half of the calls within ms: ${listOf(middle)}`);
    },
  };
}

export const latencyGroup: Group = {
  name: "latency",
  title: "Latency at fixed rates",
  cases: [
    latencyCase("read", 1000, serversFor("read")),
    latencyCase("read", 10_000, serversFor("read")),
    latencyCase("read", 50_000, { ours: ours() }),
    latencyCase("write", 1000, serversFor("write")),
    latencyCase("write", 10_000, serversFor("write")),
    latencyCase("write", 25_000, { ours: ours() }),
  ],
};
