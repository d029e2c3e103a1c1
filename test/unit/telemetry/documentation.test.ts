/** docs/metrics.md lists what the node tells, no more and no less. */
import { expect, test } from "bun:test";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { Telemetry } from "../../../src/telemetry/telemetry.ts";
import { readDocument } from "../../support/documents.ts";
import { ManualClock } from "../../support/manual-clock.ts";

async function registered(): Promise<string[]> {
  const telemetry = new Telemetry({
    nodeId: "n1",
    version: "1.2.3",
    logger: createLogger({ nodeId: "n1", level: "error", format: "json", write: () => {} }),
    clock: new ManualClock(),
    processStatus: () => ({
      memoryBytes: 0,
      mappedResidentBytes: 0,
      threadCount: 1,
      openFileCount: 40,
      openFileLimit: 1000,
    }),
    cpuTimeMs: () => 1500,
    memoryStatus: () => undefined,
    diskUsage: () => ({ totalBytes: 1, availableBytes: 1 }),
  });
  const { body } = await telemetry.metricsText();
  telemetry.stop();
  const types = new Map([...body.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name, type]) => [name, type]));
  return [...body.matchAll(/^# HELP (\S+) (.*)$/gm)].map(
    ([, name, help]) => `${name} ${types.get(name)} ${help}`,
  );
}

test("every metric is described as it describes itself", async () => {
  const rows = [
    ...readDocument("docs/metrics.md").matchAll(/^\| `(pairdb_\w+)` \| (\w+) \| .* \| (.*) \|$/gm),
  ];
  const documented = rows.map(([, name, type, meaning]) => `${name} ${type} ${meaning}`);
  expect(documented.sort()).toEqual((await registered()).sort());
});
