/** Many entries in one call: batches, and scans of whole tenants by one client. */
import { atLeast } from "../../engine/row.ts";
import type { Group } from "../group.ts";
import { byOwnClient } from "../own-client.ts";
import { ours } from "../servers/ours.ts";
import type { Work } from "../work.ts";
import { entriesPerSecond, megabytesPerSecond, rateCase, type Unit } from "./rates.ts";

function bulkCase(name: string, work: Work, bar: number, unit: Unit = entriesPerSecond) {
  return rateCase({
    name,
    work,
    servers: { ours: ours() },
    generators: { ours: byOwnClient() },
    unit,
    bars: (figures) => [atLeast(bar, ` ${unit.name}`, figures["ours"]!)],
  });
}

const batch = { valueBytes: 100, entryCount: 100, connectionCount: 4, streamCount: 4 };
const oneClient = { connectionCount: 1, streamCount: 1 };

export const bulkGroup: Group = {
  name: "bulk",
  title: "Batches and scans over gRPC",
  cases: [
    bulkCase("BatchRead of 100 × 100 bytes, 4 × 4", { operation: "batch_read", ...batch }, 400_000),
    bulkCase("durable BatchWrite of 100 × 100 bytes, 4 × 4", { operation: "batch_write", ...batch }, 150_000),
    bulkCase(
      "Scan by one client, 100 bytes",
      { operation: "scan", valueBytes: 100, entryCount: 100_000, ...oneClient },
      400_000,
    ),
    bulkCase(
      "Scan by one client, 4 KiB",
      { operation: "scan", valueBytes: 4096, entryCount: 5000, ...oneClient },
      300,
      megabytesPerSecond,
    ),
  ],
};
