import { expect, test } from "bun:test";
import type { StreamReport } from "../../../src/migration/streams/streams.ts";
import { Instruments } from "../../../src/telemetry/instruments.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { StreamTelemetry } from "../../../src/telemetry/stream-telemetry.ts";

const logger = createLogger({ nodeId: "n1", level: "error", format: "json", write: () => {} });

function report(state: StreamReport["state"], isEnded: boolean): StreamReport {
  return { state, isEnded, lagBytes: 0 } as StreamReport;
}

test("a stream that was given up still counts as failed; one that has ended well is gone", async () => {
  const instruments = new Instruments("n1");
  const telemetry = new StreamTelemetry(instruments, logger);
  telemetry.observe(() => [report("failed", true), report("completed", true), report("copying", false)]);
  const text = await instruments.registry.metrics();
  const counts = [...text.matchAll(/^pairdb_storage_streams\{state="(\w+)".*\} (\d+)$/gm)];
  expect(counts.map(([, state, count]) => [state, count])).toEqual([
    ["failed", "1"],
    ["copying", "1"],
  ]);
});
