/**
 * A server for Connect's conformance suite, on exactly the node's edge: `bun connect-server.ts DESCRIPTORS`.
 *
 * The suite says on standard input which protocol and HTTP version it wants, and gets back the port that has it. The
 * messages of both are prefixed with their length, 32 bits, big-endian. DESCRIPTORS holds the suite's own protos.
 * PAIRDB_HTTP2 chooses the HTTP/2 server.
 */
import { readFileSync } from "node:fs";
import { create, createFileRegistry, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { silentHttp2Observer } from "../../src/http2/observer.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { Gate } from "../../src/rpc/gate.ts";
import { silentRpcObserver } from "../../src/rpc/observer.ts";
import { createEdge } from "../../src/server/edge.ts";
import { listenGrpc } from "../../src/server/grpc-listener.ts";
import { listenHttp } from "../../src/server/http-listener.ts";
import { serverSettings } from "../../src/server/settings.ts";
import { unlimitedAccess, unlimitedAdmission } from "../support/everyone.ts";
import { SettableTls } from "../support/settable-tls.ts";
import { conformanceEndpoints } from "./conformance-service.ts";

interface Wanted {
  readonly useTls: boolean;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
  readonly clientTlsCert: Uint8Array;
  readonly httpVersion: number;
  readonly messageReceiveLimit: number;
}

const http1 = 1;

const descriptors = readFileSync(process.argv[2]!);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
const messageType = (name: string): DescMessage => registry.getMessage(`connectrpc.conformance.v1.${name}`)!;

async function readWanted(): Promise<Wanted> {
  const input = Buffer.from(await Bun.stdin.bytes());
  const message = fromBinary(messageType("ServerCompatRequest"), input.subarray(4));
  return message as unknown as Wanted;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function tlsOf({ useTls, serverCreds, clientTlsCert }: Omit<Wanted, "httpVersion" | "messageReceiveLimit">) {
  if (!useTls || serverCreds === undefined) return undefined;
  const clients = { authority: text(clientTlsCert), areRequired: true };
  return new SettableTls({
    certificate: text(serverCreds.cert),
    key: text(serverCreds.key),
    ...(clientTlsCert.length === 0 ? {} : { clients }),
  });
}

async function listen({ httpVersion, messageReceiveLimit, ...wanted }: Wanted): Promise<number> {
  const observer = silentRpcObserver;
  const clock = systemClock;
  const settings = serverSettings({
    grpcPort: 0,
    httpPort: 0,
    http2: process.env["PAIRDB_HTTP2"] === "node" ? "node" : "native",
    compressReplies: true,
    tls: tlsOf(wanted),
    corsOrigins: ["*"],
    ...(messageReceiveLimit === 0 ? {} : { maxMessageBytes: messageReceiveLimit }),
  });
  const gate = new Gate({
    clock,
    random: systemRandom,
    observer,
    access: unlimitedAccess,
    admission: unlimitedAdmission(),
    adoptError: () => undefined,
  });
  gate.open();
  const edge = createEdge(conformanceEndpoints(registry), {
    settings,
    gate,
    registry,
    clock,
    observer,
    health: {
      health: () => ({ status: "healthy", reasons: [], checks: [], metrics: {} }),
      readiness: () => ({ ready: true, reasons: [], phase: "serving", percent: 100 }),
    },
    metricsAccess: undefined,
    metricsText: async () => ({ contentType: "text/plain", body: "" }),
    grpcPort: () => undefined,
  });
  if (httpVersion === http1) {
    const { tls } = settings;
    const failed = () => undefined;
    return listenHttp({ handle: edge.handleHttp, host: "127.0.0.1", port: 0, tls, clock, failed }).port;
  }
  const common = { settings, edge, clock, observer, httpPort: 0 };
  return (await listenGrpc({ ...common, http2Observer: silentHttp2Observer })).port;
}

const wanted = await readWanted();
const port = await listen(wanted);
const type = messageType("ServerCompatResponse");
const answer = toBinary(
  type,
  create(type, { host: "127.0.0.1", port, ...(wanted.useTls ? { pemCert: wanted.serverCreds?.cert } : {}) }),
);
const prefix = Buffer.alloc(4);
prefix.writeUInt32BE(answer.length);
process.stdout.write(Buffer.concat([prefix, answer]));
await new Promise((resolve) => process.on("SIGTERM", resolve));
process.exit(0);
