/** Reads and durable writes of 100 bytes over gRPC, at several numbers of connections and calls in flight. */
import { atLeast, atLeastTimes, atMost, type Bar } from "../../engine/row.ts";
import type { Contestant } from "../contest.ts";
import type { Group } from "../group.ts";
import { etcd, isEtcdThere } from "../servers/etcd.ts";
import { ours } from "../servers/ours.ts";
import { side } from "../servers/side.ts";
import type { Work } from "../work.ts";
import { rateCase, roundTripUs } from "./rates.ts";

const bare: Contestant = { start: side("bare-http2") };
const onNode: Contestant = { start: ours({ http2: "node" }) };

const readers = {
  ours: { start: ours() },
  "bare node:http2": bare,
  ...(isEtcdThere()
    ? {
        "etcd Range, serializable": { start: etcd({ isSerializable: true }) },
        "etcd Range": { start: etcd() },
      }
    : {}),
  "ours on node:http2": onNode,
};

const writers = {
  ours: { start: ours() },
  "bare node:http2": bare,
  ...(isEtcdThere() ? { "etcd Put": { start: etcd() } } : {}),
  "ours on node:http2": onNode,
};

function work(operation: Work["operation"], connectionCount: number, streamCount: number): Work {
  return { operation, valueBytes: 100, connectionCount, streamCount };
}

const readBars = (figures: Readonly<Record<string, number>>): Bar[] => [
  ...atLeastTimes(figures, 2, "bare node:http2"),
  ...atLeastTimes(figures, 4, "etcd Range"),
  ...atLeastTimes(figures, 4, "etcd Range, serializable"),
  atLeast(150_000, "/s (stretch)", figures["ours"]!),
];

const writeBars = (figures: Readonly<Record<string, number>>): Bar[] => [
  ...atLeastTimes(figures, 1.2, "bare node:http2"),
  ...atLeastTimes(figures, 3, "etcd Put"),
  atLeast(100_000, "/s (stretch)", figures["ours"]!),
];

export const callsGroup: Group = {
  name: "calls",
  title: "gRPC calls with values of 100 bytes",
  cases: [
    rateCase({ name: "Read, 8 × 32", work: work("read", 8, 32), contestants: readers, bars: readBars }),
    rateCase({
      name: "durable Write, 8 × 32",
      work: work("write", 8, 32),
      contestants: writers,
      bars: writeBars,
    }),
    rateCase({
      name: "Read, 1 × 1, round trip",
      work: work("read", 1, 1),
      contestants: readers,
      unit: roundTripUs,
      bars: (figures) => [atMost(1.1, " × bare node:http2", figures["ours"]! / figures["bare node:http2"]!)],
    }),
    rateCase({
      name: "durable Write, 1 × 1, round trip",
      work: work("write", 1, 1),
      contestants: writers,
      unit: roundTripUs,
    }),
    rateCase({ name: "Read, 1 × 100", work: work("read", 1, 100), contestants: readers }),
    rateCase({ name: "durable Write, 1 × 100", work: work("write", 1, 100), contestants: writers }),
    rateCase({ name: "Read, 100 × 10", work: work("read", 100, 10), contestants: readers }),
    rateCase({ name: "durable Write, 100 × 10", work: work("write", 100, 10), contestants: writers }),
  ],
};
