/** Values of 4 KiB and of 1 MiB over gRPC. */
import { atLeastTimes, type Bar } from "../../engine/row.ts";
import type { Group } from "../group.ts";
import { ours } from "../servers/ours.ts";
import { side } from "../servers/side.ts";
import type { Work } from "../work.ts";
import { type Figures, megabytesPerSecond, type RateCase, rateCase } from "./rates.ts";

const pair = {
  ours: ours(),
  "bare node:http2": side("bare-http2"),
  "ours on node:http2": ours({ http2: "node" }),
};

const smallWindowBits = 16;

const small = { valueBytes: 4096, connectionCount: 8, streamCount: 32 };
const large = { valueBytes: 2 ** 20, connectionCount: 1, streamCount: 8 };
const withSmallWindows = { ...large, windowBits: smallWindowBits };

const bars = (figures: Figures): readonly Bar[] => atLeastTimes(figures, 0.8, "bare node:http2");

function largeCase(name: string, work: Work, own: Partial<RateCase> = {}) {
  return rateCase({ name, work, servers: pair, unit: megabytesPerSecond, bars, ...own });
}

export const sizesGroup: Group = {
  name: "sizes",
  title: "gRPC calls with larger values",
  cases: [
    rateCase({ name: "Read of 4 KiB, 8 × 32", work: { operation: "read", ...small }, servers: pair }),
    rateCase({
      name: "durable Write of 4 KiB, 8 × 32",
      work: { operation: "write", ...small },
      servers: pair,
    }),
    largeCase("Read of 1 MiB, 1 × 8", { operation: "read", ...large }),
    largeCase("Read of 1 MiB, 1 × 8, windows of 64 KiB", { operation: "read", ...withSmallWindows }),
    largeCase("1 MiB received, 1 × 8", { operation: "receive", ...large }),
    // The others drop what they get.
    largeCase("durable Write of 1 MiB, 1 × 8", { operation: "write", ...large }, { bars: () => [] }),
  ],
};
