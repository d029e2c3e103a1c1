/**
 * gRPC clients by other hands on our HTTP/2 server, in cleartext and over TLS: values of 10 MB, a stream that is read
 * slowly, cancellation, a failure, a deadline.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  ReadRequestSchema,
  ReadResponseSchema,
  ScanRequestSchema,
  ScanResponseSchema,
  WriteRequestSchema,
} from "../../src/gen/storage/storage_node_pb.ts";
import { isOpensslThere, makeAuthority, makeCertificate } from "../support/certificates.ts";
import { serverStream, unary } from "../support/grpc-js.ts";
import { hasGrpcio, python, requirePeer } from "../support/peers.ts";
import { SettableTls } from "../support/settable-tls.ts";
import { temporaryFolder } from "../support/temp-folder.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

const root = join(import.meta.dir, "../..");
const folder = temporaryFolder();
const isGrpcioThere = requirePeer("python3-grpcio", hasGrpcio);

interface Road {
  readonly name: string;
  readonly server: TestServer;
  /** PEM of the certificate that clients trust, and its file; undefined in cleartext. */
  readonly authority: { readonly certificate: string; readonly certificatePath: string } | undefined;
}

async function openRoads(): Promise<Road[]> {
  const cleartext = await startTestServer({ settings: { http2: "native" } });
  const roads: Road[] = [{ name: "cleartext", server: cleartext, authority: undefined }];
  if (!isOpensslThere) return roads;
  const authority = makeAuthority(folder, "authority");
  const tls = new SettableTls(makeCertificate(folder, "server", "authority"));
  const secure = await startTestServer({ settings: { http2: "native", tls } });
  return [...roads, { name: "TLS", server: secure, authority }];
}

/** Lets a call run into its deadline, since no write is synced meanwhile. */
async function whileSyncIsHeld(server: TestServer, run: () => Promise<unknown>): Promise<void> {
  server.store.syncsAtOnce = false;
  await run();
  while ((await callCounts(server))["Write given up"] !== 1) await Bun.sleep(1);
  server.store.syncsAtOnce = true;
  server.store.sync();
}

/** How often calls ended in which way, once no scan goes on. */
async function callCounts(server: TestServer): Promise<Record<string, number>> {
  while (server.store.openViewCount > 0) await Bun.sleep(1);
  const counts: Record<string, number> = {};
  for (const { method, status } of server.calls) {
    // At the deadline of both the client may be the first to say so.
    const isGivenUp = method === "Write" && /^CANCELLED|DEADLINE_EXCEEDED$/.test(status);
    const end = isGivenUp ? "Write given up" : `${method} ${status}`;
    counts[end] = (counts[end] ?? 0) + 1;
  }
  return counts;
}

const roads = await openRoads();

describe.if(isGrpcioThere)("python3-grpcio", () => {
  const descriptors = join(folder, "descriptors.binpb");
  const script = join(import.meta.dir, "foreign-client/scenario.py");

  async function play({ server, authority }: Road, part: "calls" | "deadline"): Promise<string[]> {
    const address = `127.0.0.1:${server.server.grpcPort}`;
    const command = [python, script, descriptors, address, authority?.certificatePath ?? "-", part];
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
    const [printed, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) throw new Error(complaints);
    return printed.trim().split("\n");
  }

  test.each(roads.map((road) => [road.name, road] as const))(
    "%s",
    async (_, road) => {
      const buf = join(root, "node_modules/.bin/buf");
      expect(Bun.spawnSync([buf, "build", "-o", descriptors], { cwd: root }).success).toBe(true);
      road.server.calls.length = 0;
      const steps = ["large value", "slow reading", "batches", "cancellation", "failure"];
      expect(await play(road, "calls")).toEqual(steps);
      await whileSyncIsHeld(road.server, async () => {
        expect(await play(road, "deadline")).toEqual(["deadline"]);
      });
      expect(await callCounts(road.server)).toEqual({
        "Write OK": 31,
        "Read OK": 2,
        "BatchWrite OK": 1,
        "BatchRead OK": 1,
        "Scan OK": 2,
        "Scan CANCELLED": 1,
        "Write INVALID_ARGUMENT": 1,
        "Write given up": 1,
      });
    },
    60_000,
  );
});

describe("grpc-js", () => {
  const chunkBytes = 300_000;
  const chunkCount = 30;
  const encode = <S extends DescMessage>(schema: S, message: MessageInitShape<S>) =>
    Buffer.from(toBinary(schema, create(schema, message)));

  class JsClient {
    readonly #client: grpc.Client;

    constructor({ server, authority }: Road) {
      const { credentials } = grpc;
      const trust =
        authority === undefined
          ? credentials.createInsecure()
          : credentials.createSsl(Buffer.from(authority.certificate));
      const options = { "grpc.max_receive_message_length": 16 << 20 };
      this.#client = new grpc.Client(`localhost:${server.server.grpcPort}`, trust, options);
    }

    unary(method: string, request: Buffer, options: grpc.CallOptions = {}): Promise<Buffer> {
      return unary(this.#client, method, request, options);
    }

    scan(tenantId: string) {
      return serverStream(this.#client, "Scan", encode(ScanRequestSchema, { tenantId }));
    }

    close(): void {
      this.#client.close();
    }
  }

  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => grpc.status.OK,
      ({ code }) => code as grpc.status,
    );

  test.each(roads.map((road) => [road.name, road] as const))(
    "%s",
    async (_, road) => {
      const { server } = road;
      server.calls.length = 0;
      const client = new JsClient(road);
      const value = new Uint8Array(10 << 20).map((_, index) => index);
      await client.unary("Write", encode(WriteRequestSchema, { tenantId: "js", key: "large", value }));
      const read = await client.unary("Read", encode(ReadRequestSchema, { tenantId: "js", key: "large" }));
      expect(Bun.hash(fromBinary(ReadResponseSchema, read).value)).toBe(Bun.hash(value));

      for (let number = 0; number < chunkCount; number++) {
        const chunk = {
          tenantId: "js-slow",
          key: `${100 + number}`,
          value: new Uint8Array(chunkBytes).fill(number),
        };
        await client.unary("Write", encode(WriteRequestSchema, chunk));
      }
      let readBytes = 0;
      for await (const bytes of client.scan("js-slow")) {
        const { entries } = fromBinary(ScanResponseSchema, bytes as Buffer);
        for (const entry of entries) readBytes += entry.value.length;
        await Bun.sleep(5);
      }
      expect(readBytes).toBe(chunkCount * chunkBytes);

      const cancelled = client.scan("js-slow");
      await expect(
        (async () => {
          for await (const _ of cancelled) cancelled.cancel();
        })(),
      ).rejects.toMatchObject({ code: grpc.status.CANCELLED });

      const bad = encode(WriteRequestSchema, { tenantId: "a:b", key: "k" });
      expect(await codeOf(client.unary("Write", bad))).toBe(grpc.status.INVALID_ARGUMENT);
      await whileSyncIsHeld(server, async () => {
        const late = encode(WriteRequestSchema, { tenantId: "js", key: "late" });
        const call = client.unary("Write", late, { deadline: Date.now() + 200 });
        expect(await codeOf(call)).toBe(grpc.status.DEADLINE_EXCEEDED);
        while (server.calls.at(-1)?.method !== "Write" || server.calls.at(-1)?.status === "OK")
          await Bun.sleep(1);
      });
      client.close();
      expect(await callCounts(server)).toEqual({
        "Write OK": 31,
        "Read OK": 1,
        "Scan OK": 1,
        "Scan CANCELLED": 1,
        "Write INVALID_ARGUMENT": 1,
        "Write given up": 1,
      });
    },
    60_000,
  );
});
