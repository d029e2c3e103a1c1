/** What TLS and tokens cost. */
import { atLeast, atLeastTimes } from "../../engine/row.ts";
import type { Group } from "../group.ts";
import { ours } from "../servers/ours.ts";
import { megabytesPerSecond, rateCase } from "./rates.ts";

const servers = { ours: ours({ isTls: true }), cleartext: ours() };

const withToken = { ours: ours({ isTls: true, asksForToken: true }), "no tokens": ours({ isTls: true }) };

export const tlsGroup: Group = {
  name: "tls",
  title: "Reads over TLS",
  cases: [
    rateCase({
      name: "TLS Read, 8 × 32",
      work: { operation: "read", valueBytes: 100, connectionCount: 8, streamCount: 32 },
      servers,
      bars: (figures) => atLeastTimes(figures, 0.75, "cleartext"),
    }),
    rateCase({
      name: "TLS Read with a token, 8 × 32",
      work: { operation: "read", valueBytes: 100, connectionCount: 8, streamCount: 32 },
      servers: withToken,
      bars: (figures) => atLeastTimes(figures, 0.9, "no tokens"),
    }),
    rateCase({
      name: "TLS Read of 1 MiB, 1 × 8",
      work: { operation: "read", valueBytes: 2 ** 20, connectionCount: 1, streamCount: 8 },
      servers,
      unit: megabytesPerSecond,
      bars: (figures) => [atLeast(400, " MB/s", figures["ours"]!)],
    }),
  ],
};
