/** Calls that differ: clients give each one its deadline, and ask for what they need. */
import { atLeastTimes } from "../../engine/row.ts";
import type { Group } from "../group.ts";
import { byOwnClient } from "../own-client.ts";
import { ours } from "../servers/ours.ts";
import type { Work } from "../work.ts";
import { rateCase } from "./rates.ts";

const work: Work = { operation: "read", valueBytes: 100, connectionCount: 8, streamCount: 32 };
const keyCount = 10_000;

export const varietyGroup: Group = {
  name: "variety",
  title: "Calls that differ from each other",
  cases: [
    rateCase({
      name: "Read, another key and grpc-timeout in each call",
      work,
      servers: {
        ours: ours({ keyCount }),
        "the same call again and again": ours(),
        "another key in each call": ours({ keyCount }),
      },
      generators: {
        ours: byOwnClient({ keyCount, hasTimeouts: true }),
        "the same call again and again": byOwnClient(),
        "another key in each call": byOwnClient({ keyCount }),
      },
      bars: (figures) => atLeastTimes(figures, 0.85, "the same call again and again"),
    }),
  ],
};
