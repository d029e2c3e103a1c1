/** A node of ours on a temporary data directory, over any of its protocols. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import {
  BatchReadResponseSchema,
  ReadResponseSchema,
  ScanResponseSchema,
} from "../../../src/gen/storage/storage_node_pb.ts";
import { envelopePrefixBytes } from "../../../src/rpc/envelope.ts";
import { makeAuthority, makeCertificate } from "../../../test/support/certificates.ts";
import { envelope } from "../../../test/support/raw-grpc.ts";
import { type NodeProcess, nodeCommand, spawnNode } from "../../../test/support/spawn-node.ts";
import { type TestToken, testToken, tokenFileText } from "../../../test/support/tokens.ts";
import { byOwnClient } from "../own-client.ts";
import { probe } from "../probe.ts";
import { serverPrefix } from "../processors.ts";
import { type Counts, expectRise, metricsOf, type Server, type StartServer, type Target } from "../server.ts";
import { callValueBytes, methodNames, methodPath, requestMessage, type Work } from "../work.ts";

export interface OursOptions {
  readonly http2?: "native" | "node";
  readonly protocol?: "grpc" | "grpc-web" | "connect";
  readonly isTls?: boolean;
  /** Callers show a token. */
  readonly asksForToken?: boolean;
  /** Of Bun; with any, it runs from the source. */
  readonly runtimeFlags?: readonly string[];
  /** It tells nothing to metrics, log and health; runs from the source. */
  readonly isUnobserved?: boolean;
  /** So many keys hold values; default: as many as a call has entries. */
  readonly keyCount?: number;
}

/** What a run knows besides. */
interface RunOptions extends OursOptions {
  readonly token: TestToken | undefined;
}

export function ours(given: OursOptions = {}): StartServer {
  return async (work) => {
    const token = given.asksForToken === true ? testToken(["read", "write"]) : undefined;
    const options: RunOptions = { ...given, token };
    const folder = mkdtempSync(join(tmpdir(), "pairdb-bench-"));
    const spawned = spawnNode({
      dataDirectory: join(folder, "data"),
      environment: environmentFor(folder, options),
      command: [...serverPrefix(), ...commandFor(options)],
    });
    try {
      const node = await spawned.serving;
      await fill(node, work, options);
      return serverOf(node, work, options, folder);
    } catch (error) {
      await spawned.kill();
      throw error;
    }
  };
}

function commandFor({ runtimeFlags = [], isUnobserved = false }: OursOptions): string[] {
  if (isUnobserved) return [process.execPath, join(import.meta.dir, "unobserved-main.ts")];
  const [runtime, ...rest] = nodeCommand();
  return [runtime!, ...runtimeFlags, ...rest];
}

const fillLoad = { connectionCount: 1, streamCount: 32 };

/** Writes the keys that will be read. */
async function fill(node: NodeProcess, work: Work, options: RunOptions): Promise<void> {
  const { keyCount = work.entryCount ?? 1 } = options;
  const writes: Work = { ...work, operation: "write", ...fillLoad };
  const target = targetOf(node, writes, options);
  if (keyCount === 1) await probe(target);
  else await byOwnClient({ keyCount })({ target }, writes, keyCount);
}

function environmentFor(folder: string, options: RunOptions): Record<string, string> {
  const { token, http2 = "native", isTls = false, isUnobserved = false } = options;
  if (isUnobserved) return unobservedEnvironment;
  if (token !== undefined) {
    const tokenPath = join(folder, "tokens");
    writeFileSync(tokenPath, tokenFileText([token]), { mode: 0o600 });
    return { ...environmentFor(folder, { ...options, token: undefined }), PAIRDB_AUTH_TOKEN_FILE: tokenPath };
  }
  if (!isTls) return { PAIRDB_SERVER_HTTP2: http2 };
  makeAuthority(folder, "authority");
  const { certificatePath, keyPath } = makeCertificate(folder, "server", "authority");
  return {
    PAIRDB_SERVER_HTTP2: http2,
    PAIRDB_TLS_CERT_FILE: certificatePath,
    PAIRDB_TLS_KEY_FILE: keyPath,
  };
}

function serverOf(node: NodeProcess, work: Work, options: RunOptions, folder: string): Server {
  const httpUrl = options.isTls === true ? node.httpUrl.replace("http:", "https:") : node.httpUrl;
  return {
    pid: node.pid,
    target: targetOf(node, work, options),
    counts: () => nodeCounts(httpUrl, options.isUnobserved === true ? [getsOfEngine] : countedMetrics),
    verify: (rise, callCount) => {
      if (options.isUnobserved === true) expectRise(rise, { [getsOfEngine]: callCount });
      else verify(work, rise, callCount);
    },
    valueIn: (body) => valueIn(body, work, options),
    async stop() {
      const exitCode = await node.stop();
      rmSync(folder, { recursive: true, force: true });
      if (exitCode !== 0) throw new Error(`the node ended with ${exitCode}:\n${node.output()}`);
    },
  };
}

function valueIn(body: Uint8Array, { operation }: Work, options: OursOptions): Uint8Array {
  const message = messageIn(body, options);
  if (operation === "batch_read") {
    return Buffer.concat(fromBinary(BatchReadResponseSchema, message).results.map(({ value }) => value));
  }
  if (operation !== "scan") return fromBinary(ReadResponseSchema, message).value;
  const values: Uint8Array[] = [];
  for (let rest = body; rest.length > 0; ) {
    const chunk = messageIn(rest, options);
    values.push(...fromBinary(ScanResponseSchema, chunk).entries.map(({ value }) => value));
    rest = rest.subarray(envelopePrefixBytes + chunk.length);
  }
  return Buffer.concat(values);
}

/** The message in an answer's body; gRPC-Web has its trailers after it. */
function messageIn(body: Uint8Array, { protocol = "grpc" }: OursOptions): Uint8Array {
  if (protocol === "connect") return body;
  const messageBytes = new DataView(body.buffer, body.byteOffset).getUint32(1);
  return body.subarray(envelopePrefixBytes, envelopePrefixBytes + messageBytes);
}

function targetOf(node: NodeProcess, work: Work, options: RunOptions): Target {
  const { protocol = "grpc", isTls = false, token } = options;
  const credentials: Record<string, string> =
    token === undefined ? {} : { authorization: token.authorization };
  const scheme = isTls ? "https" : "http";
  const message = requestMessage(work);
  if (protocol === "grpc") {
    const url = `${scheme}://${node.grpcAddress}${methodPath(work)}`;
    const headers = { "content-type": "application/grpc", te: "trailers", ...credentials };
    return { url, headers, body: envelope(message), isHttp1: false };
  }
  const url = `${scheme}://127.0.0.1:${node.httpPort}${methodPath(work)}`;
  const isConnect = protocol === "connect";
  const contentType = isConnect ? "application/proto" : "application/grpc-web+proto";
  return {
    url,
    headers: { "content-type": contentType, ...credentials },
    body: isConnect ? message : envelope(message),
    isHttp1: true,
  };
}

/** The engine counts reads itself, whoever listens. */
const getsOfEngine = "pairdb_storage_gets_total";

const unobservedEnvironment = {
  PAIRDB_LOGGING_SLOW_CALL: "0s",
  PAIRDB_HEALTH_INTERVAL: "1h",
  PAIRDB_HEALTH_WRITE_INTERVAL: "24h",
};

const countedMetrics = [
  "pairdb_rpc_requests_total",
  "pairdb_rpc_rejected_requests_total",
  "pairdb_commitlog_appends_total",
  "pairdb_storage_read_requests_bytes_sum",
  "pairdb_storage_write_requests_bytes_sum",
  "pairdb_storage_batch_read_requests_bytes_sum",
  "pairdb_storage_batch_write_requests_bytes_sum",
  "pairdb_storage_scan_requests_bytes_sum",
  "pairdb_commitlog_written_bytes_total",
];

async function nodeCounts(httpUrl: string, names: readonly string[]): Promise<Counts> {
  const counters = await metricsOf(httpUrl);
  return Object.fromEntries([...counters].filter(([series]) => names.includes(series.replace(/\{.*/, ""))));
}

function verify(work: Work, rise: Counts, callCount: number): void {
  const { operation, entryCount = 1 } = work;
  const { pairdb_commitlog_written_bytes_total: loggedBytes = 0, ...exact } = rise;
  const bytes = operation === "receive" ? 0 : callCount * callValueBytes(work);
  const isWrite = operation === "write" || operation === "batch_write";
  expectRise(exact, {
    [`pairdb_rpc_requests_total{method="${methodNames[operation]}",status="OK"}`]: callCount,
    [`pairdb_storage_${operation}_requests_bytes_sum`]: bytes,
    pairdb_commitlog_appends_total: isWrite ? callCount * entryCount : 0,
  });
  if (isWrite && loggedBytes < bytes)
    throw new Error(`the commit log took ${loggedBytes} bytes for values of ${bytes}`);
}
