/**
 * Spans of calls, flushes and compactions, sent to a collector by OTLP over HTTP. Loaded only where `tracing.enabled`
 * says so.
 *
 * A call that carries a W3C `traceparent` is followed where its caller says so; of the others, of flushes and of
 * compactions, a share is. A call that is not answered at once has a child for what it waited for.
 *
 * Invariants:
 * 1. Spans that wait for the collector are bounded, those on their way to it included; further ones are counted and dropped.
 * 2. No failure of the collector reaches a call: it is counted, and logged when it begins and when it has ended.
 * 3. What is not followed makes no span: whether it is, is decided before the library hears of it.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { ExportResultCode, W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { EngineObserver, FinishedCompaction } from "../engine/observer.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { CallRequest } from "../rpc/call.ts";
import type { CallSpan, CallTracer } from "../rpc/call-tracer.ts";
import type { FinishedCall } from "../rpc/observer.ts";
import type { WorkClass } from "../rpc/overload/work-class.ts";
import type { Logger } from "./logger.ts";
import type { SpanCounts } from "./telemetry.ts";

export interface TracingOptions {
  readonly nodeId: string;
  readonly version: string;
  /** Where the collector takes OTLP, with the path. */
  readonly endpoint: string;
  /** Of what nobody else has decided about, 0 to 1. */
  readonly sampleRatio: number;
  readonly maxQueuedSpans: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Counted up as spans leave. */
  readonly counts: SpanCounts;
}

const batchSize = 512;
const exportIntervalMs = 2000;
const exportTimeoutMs = 10_000;
/** What the end of the node waits for the last spans. */
const stopTimeoutMs = 2000;

const propagator = new W3CTraceContextPropagator();
const headersOf = {
  get: (request: CallRequest, name: string) => request.header(name) ?? undefined,
  keys: () => [],
};

/** By what calls of the class wait for when they are not answered at once. */
const waitNames: Partial<Record<WorkClass, string>> = { write: "commit log wait", read: "table read" };

export class Tracing implements CallTracer {
  readonly #provider: TracerProvider;
  readonly #tracer;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sampleRatio: number;
  readonly engineObserver: Partial<EngineObserver>;

  constructor(options: TracingOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#sampleRatio = options.sampleRatio;
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        "service.name": "pairdb-node",
        "service.version": options.version,
        "service.instance.id": options.nodeId,
      }),
      sampler: new AlwaysOnSampler(),
      spanProcessors: [boundedProcessor(options)],
    });
    this.#tracer = this.#provider.getTracer("pairdb-node", options.version);
    this.engineObserver = {
      flushFinished: (entryCount, sizeBytes, durationMs) =>
        this.#past("flush", durationMs, {
          "pairdb.entry_count": entryCount,
          "pairdb.size_bytes": sizeBytes,
        }),
      compactionFinished: (compaction) => this.#compaction(compaction),
    };
  }

  begin(method: DescMethod, request: CallRequest): CallSpan | undefined {
    const parent = this.#parentOf(request);
    if (parent === undefined) return undefined;
    const service = method.parent.typeName;
    const span = this.#tracer.startSpan(
      `${service}/${method.name}`,
      {
        kind: SpanKind.SERVER,
        attributes: { "rpc.system": "grpc", "rpc.service": service, "rpc.method": method.name },
      },
      parent,
    );
    const context = trace.setSpan(ROOT_CONTEXT, span);
    return new TracedCall(span, (name) => this.#tracer.startSpan(name, {}, context));
  }

  /** Sends what is left, for a moment at most. */
  async stop(): Promise<void> {
    const late = new Promise<void>((resolve) => this.#clock.after(stopTimeoutMs, resolve));
    await Promise.race([this.#provider.shutdown().catch(() => undefined), late]);
  }

  /** What the call's span belongs to; undefined where the call is not followed. */
  #parentOf(request: CallRequest): Context | undefined {
    if (request.header("traceparent") === null) return this.#isChosen() ? ROOT_CONTEXT : undefined;
    const parent = propagator.extract(ROOT_CONTEXT, request, headersOf);
    const told = trace.getSpanContext(parent);
    const isFollowed = told === undefined ? this.#isChosen() : (told.traceFlags & TraceFlags.SAMPLED) !== 0;
    return isFollowed ? parent : undefined;
  }

  /** Whether what nobody else has decided about is followed. */
  #isChosen(): boolean {
    return this.#random.uint32() < this.#sampleRatio * 2 ** 32;
  }

  #compaction(compaction: FinishedCompaction): void {
    this.#past("compaction", compaction.durationMs, {
      "pairdb.level": compaction.level,
      "pairdb.output_level": compaction.outputLevel,
      "pairdb.kind": compaction.kind,
      "pairdb.trigger": compaction.trigger,
      "pairdb.read_bytes": compaction.readBytes,
      "pairdb.written_bytes": compaction.writtenBytes,
    });
  }

  /** A span that ends now, where it is followed. */
  #past(name: string, durationMs: number, attributes: Record<string, string | number>): void {
    if (!this.#isChosen()) return;
    const startTime = this.#clock.nowMs() - durationMs;
    this.#tracer.startSpan(name, { root: true, startTime, attributes }, ROOT_CONTEXT).end();
  }
}

class TracedCall implements CallSpan {
  readonly #span: Span;
  readonly #startChild: (name: string) => Span;
  #wait: Span | undefined;

  constructor(span: Span, startChild: (name: string) => Span) {
    this.#span = span;
    this.#startChild = startChild;
  }

  waits(workClass: WorkClass): void {
    const name = waitNames[workClass];
    if (name !== undefined) this.#wait ??= this.#startChild(name);
  }

  end({ status, isOwnFault, valueBytes }: FinishedCall): void {
    this.#wait?.end();
    this.#span.setAttribute("rpc.response.status_code", status);
    this.#span.setAttribute("pairdb.value_bytes", valueBytes);
    if (isOwnFault) this.#span.setStatus({ code: SpanStatusCode.ERROR, message: status });
    this.#span.end();
  }
}

/** Batches spans, and keeps the invariants. */
function boundedProcessor({ endpoint, maxQueuedSpans, counts, logger }: TracingOptions): SpanProcessor {
  const otlp = new OTLPTraceExporter({ url: endpoint, timeoutMillis: exportTimeoutMs, concurrencyLimit: 1 });
  let waiting = 0;
  let isFailing = false;
  const settled = (spans: ReadableSpan[], error: unknown) => {
    waiting -= spans.length;
    if (error === undefined) counts.exported += spans.length;
    else counts.failed += spans.length;
    if ((error !== undefined) === isFailing) return;
    isFailing = !isFailing;
    if (isFailing)
      logger.warn("spans cannot be sent to the collector; they are dropped", { endpoint, error });
    else logger.info("spans reach the collector again", { endpoint });
  };
  const exporter: SpanExporter = {
    export: (spans, done) =>
      otlp.export(spans, (result) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS;
        settled(spans, hasFailed ? (result.error ?? "refused") : undefined);
        done(result);
      }),
    forceFlush: () => otlp.forceFlush(),
    shutdown: () => otlp.shutdown(),
  };
  const batches = new BatchSpanProcessor({
    exporter,
    maxQueueSize: maxQueuedSpans,
    maxExportBatchSize: Math.min(batchSize, maxQueuedSpans),
    scheduledDelayMillis: exportIntervalMs,
    exportTimeoutMillis: exportTimeoutMs,
  });
  return {
    onStart: (span, context) => batches.onStart(span, context),
    onEnd: (span) => {
      if (waiting >= maxQueuedSpans) {
        counts.dropped++;
        return;
      }
      waiting++;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
}
