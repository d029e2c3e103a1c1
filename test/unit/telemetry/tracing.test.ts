/** Spans as a collector gets them: decoded by a schema that is ours, from what a real node sends. */
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import { StorageNodeService } from "../../../src/gen/storage/storage_node_pb.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { Tracing } from "../../../src/telemetry/tracing.ts";
import { command, serve } from "../../support/command-line.ts";

interface Span {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

interface ExportRequest {
  readonly resourceSpans: {
    readonly resource: Pick<Span, "attributes">;
    readonly scopeSpans: { readonly spans: Span[] }[];
  }[];
}

const schema = loadSync(join(import.meta.dir, "../../fixtures/otlp/trace.proto"));
const { Export } = schema["opentelemetry.TraceService"] as ServiceDefinition;

/** Answers with `status` once `ready` resolves, and remembers what came. */
function collector(status = 200, ready = Promise.resolve()) {
  const requests: ExportRequest[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      expect(request.headers.get("content-type")).toBe("application/x-protobuf");
      const body = Buffer.from(await request.arrayBuffer());
      requests.push(Export!.requestDeserialize(body) as ExportRequest);
      await ready;
      return new Response(null, { status });
    },
  });
  afterAll(() => server.stop(true));
  const spans = () =>
    requests.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
    );
  return { url: `http://127.0.0.1:${server.port}/v1/traces`, requests, spans };
}

const tracedNode = (endpoint: string, further: Record<string, string> = {}) =>
  serve([], {
    variables: {
      PAIRDB_TRACING_ENABLED: "true",
      PAIRDB_TRACING_ENDPOINT: endpoint,
      PAIRDB_TRACING_SAMPLE_RATIO: "1",
      ...further,
    },
  });

async function write(httpUrl: string, headers: Record<string, string> = {}): Promise<void> {
  const answer = await fetch(`${httpUrl}/storage.StorageNodeService/Write`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ tenantId: "default", key: "a", value: btoa("1") }),
  });
  expect(answer.status).toBe(200);
}

const traceId = "0af7651916cd43dd8448eb211c80319c";
const parent = (flags: string) => `00-${traceId}-b7ad6b7169203331-${flags}`;

test("calls, what they wait for, and flushes reach the collector", async () => {
  const { url, requests, spans } = collector();
  const node = await tracedNode(url);
  await write(node.httpUrl, { traceparent: parent("01") });
  expect((await command(["put", "b", "2", "--addr", node.address])).exitCode).toBe(0);
  expect((await command(["flush", "--addr", node.address])).exitCode).toBe(0);
  node.stop();
  expect(await node.ended).toBe(0);

  const resource = requests[0]?.resourceSpans[0]?.resource.attributes ?? [];
  expect(resource.find(({ key }) => key === "service.name")?.value.stringValue).toBe("pairdb-node");
  const writes = spans().filter(({ name }) => name === "storage.StorageNodeService/Write");
  expect(writes.length).toBe(2);
  const followed = writes.find((span) => span.traceId.toString("hex") === traceId)!;
  expect(followed.parentSpanId.toString("hex")).toBe("b7ad6b7169203331");
  expect(followed.kind).toBe(2);
  expect(BigInt(followed.endTimeUnixNano) >= BigInt(followed.startTimeUnixNano)).toBe(true);
  const status = followed.attributes.find(({ key }) => key === "rpc.response.status_code");
  expect(status?.value.stringValue).toBe("OK");
  const waits = spans().filter(({ name }) => name === "commit log wait");
  expect(waits.map((span) => span.parentSpanId.toString("hex")).sort()).toEqual(
    writes.map((span) => span.spanId.toString("hex")).sort(),
  );
  expect(spans().map(({ name }) => name)).toContain("flush");
});

test("a share of what nobody has decided about is followed, and the rest not even begun", async () => {
  const randomNumbers = [2 ** 30, 2 ** 30 - 1, 2 ** 32 - 1, 0];
  const tracing = new Tracing({
    nodeId: "a",
    version: "1",
    endpoint: collector().url,
    sampleRatio: 0.25,
    maxQueuedSpans: 10,
    clock: systemClock,
    random: { uint32: () => randomNumbers.shift()! },
    logger: createLogger({ nodeId: "a", level: "error", format: "json", write: () => {} }),
    counts: { exported: 0, failed: 0, dropped: 0 },
  });
  const { method } = StorageNodeService;
  const begin = (traceparent: string | null) => {
    const header = (name: string) => (name === "traceparent" ? traceparent : null);
    const request = { header, headers: () => new Headers(), peer: undefined, timeoutMs: undefined };
    return tracing.begin(method.read, request) !== undefined;
  };
  const isFollowed = [null, null, parent("01"), parent("00"), "nonsense", null].map(begin);
  expect(isFollowed).toEqual([false, true, true, false, false, true]);
  expect(randomNumbers).toEqual([]);
  await tracing.stop();
});

test("what the caller decided holds, and else the ratio", async () => {
  const { url, spans } = collector();
  const node = await tracedNode(url, { PAIRDB_TRACING_SAMPLE_RATIO: "0" });
  await write(node.httpUrl);
  await write(node.httpUrl, { traceparent: parent("00") });
  await write(node.httpUrl, { traceparent: "nonsense" });
  await write(node.httpUrl, { traceparent: parent("01") });
  node.stop();
  await node.ended;
  expect(spans().map((span) => span.traceId.toString("hex"))).toEqual([traceId, traceId]);
});

test("a collector that is slow and refuses harms nothing, and is counted", async () => {
  const release = Promise.withResolvers<void>();
  const { url } = collector(400, release.promise);
  const node = await tracedNode(url, { PAIRDB_TRACING_MAX_QUEUED_SPANS: "4" });
  for (let call = 0; call < 10; call++) await write(node.httpUrl);
  release.resolve();
  const metrics = async () => (await fetch(`${node.httpUrl}/metrics`)).text();
  let text = await metrics();
  while (!/outcome="failed"[^}]*\} [1-9]/.test(text)) text = await metrics();
  expect(text.match(/(?<=^pairdb_tracing_spans_total.*) \d+$/gm)).toEqual([" 0", " 4", " 16"]);
  await write(node.httpUrl);
  node.stop();
  expect(await node.ended).toBe(0);
});

test("off, nothing is sent", async () => {
  const { url, requests } = collector();
  const node = await tracedNode(url, { PAIRDB_TRACING_ENABLED: "false" });
  await write(node.httpUrl, { traceparent: parent("01") });
  node.stop();
  await node.ended;
  expect(requests).toEqual([]);
});

test("an endpoint that is none is refused", async () => {
  const variables = { PAIRDB_TRACING_ENDPOINT: "collector:4318" };
  const { exitCode, stderr } = await command(["serve"], { variables });
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("tracing.endpoint is collector:4318")]);
});
