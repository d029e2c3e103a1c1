/** Reads and durable writes of 100 bytes over gRPC, at several numbers of connections and calls in flight. */
import { atLeast, atLeastTimes, atMost, type Bar } from "../../engine/row.ts";
import type { Group } from "../group.ts";
import { etcd, isEtcdThere } from "../servers/etcd.ts";
import { ours } from "../servers/ours.ts";
import { side } from "../servers/side.ts";
import type { Work } from "../work.ts";
import { type Figures, rateCase, roundTripUs } from "./rates.ts";

const bare = side("bare-http2");
const onNode = ours({ http2: "node" });

const readers = {
  ours: ours(),
  "bare node:http2": bare,
  ...(isEtcdThere()
    ? {
        "etcd Range, serializable": etcd({ isSerializable: true }),
        "etcd Range": etcd(),
      }
    : {}),
  "ours on node:http2": onNode,
};

const writers = {
  ours: ours(),
  "bare node:http2": bare,
  ...(isEtcdThere() ? { "etcd Put": etcd() } : {}),
  "ours on node:http2": onNode,
};

function work(operation: Work["operation"], connectionCount: number, streamCount: number): Work {
  return { operation, valueBytes: 100, connectionCount, streamCount };
}

const readBars = (figures: Figures): Bar[] => [
  ...atLeastTimes(figures, 2, "bare node:http2"),
  ...atLeastTimes(figures, 4, "etcd Range"),
  ...atLeastTimes(figures, 4, "etcd Range, serializable"),
  atLeast(150_000, "/s (stretch)", figures["ours"]!),
];

const writeBars = (figures: Figures): Bar[] => [
  ...atLeastTimes(figures, 1.2, "bare node:http2"),
  ...atLeastTimes(figures, 3, "etcd Put"),
  atLeast(100_000, "/s (stretch)", figures["ours"]!),
];

export const callsGroup: Group = {
  name: "calls",
  title: "gRPC calls with values of 100 bytes",
  cases: [
    rateCase({ name: "Read, 8 × 32", work: work("read", 8, 32), servers: readers, bars: readBars }),
    rateCase({
      name: "durable Write, 8 × 32",
      work: work("write", 8, 32),
      servers: writers,
      bars: writeBars,
    }),
    rateCase({
      name: "Read, 1 × 1, round trip",
      work: work("read", 1, 1),
      servers: readers,
      unit: roundTripUs,
      bars: (figures) => [atMost(1.1, " × bare node:http2", figures["ours"]! / figures["bare node:http2"]!)],
    }),
    rateCase({
      name: "durable Write, 1 × 1, round trip",
      work: work("write", 1, 1),
      servers: writers,
      unit: roundTripUs,
    }),
    rateCase({ name: "Read, 1 × 100", work: work("read", 1, 100), servers: readers }),
    rateCase({ name: "durable Write, 1 × 100", work: work("write", 1, 100), servers: writers }),
    rateCase({ name: "Read, 100 × 10", work: work("read", 100, 10), servers: readers }),
    rateCase({ name: "durable Write, 100 × 10", work: work("write", 100, 10), servers: writers }),
  ],
};
