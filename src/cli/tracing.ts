/** Tracing as the configuration has it. */
import { version } from "../base/version.ts";
import type { Configuration } from "../config/resolve.ts";
import type { Clock } from "../platform/clock.ts";
import { type Random, seededRandom } from "../platform/random.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { SpanCounts } from "../telemetry/telemetry.ts";
import type { Tracing } from "../telemetry/tracing.ts";

/** Undefined where it is off: then not even its code is loaded. */
export async function createTracing(
  { server, tracing }: Configuration,
  parts: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly counts: SpanCounts;
  },
): Promise<Tracing | undefined> {
  if (!tracing.enabled) return undefined;
  const { Tracing } = await import("../telemetry/tracing.ts");
  parts.logger.info("tracing", { endpoint: tracing.endpoint, sample_ratio: tracing.sample_ratio });
  return new Tracing({
    ...parts,
    // Asked at each call, so it is to be fast, and need be no secret.
    random: seededRandom(parts.random.uint32()),
    nodeId: server.node_id,
    version,
    endpoint: tracing.endpoint,
    sampleRatio: tracing.sample_ratio,
    maxQueuedSpans: tracing.max_queued_spans,
  });
}
