/** Clients that share no code with the node: grpc-js, and plain HTTP as curl and browsers send it. */
import { afterAll, describe, expect, test } from "bun:test";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { StorageError } from "../../src/base/errors.ts";
import {
  ReadRequestSchema,
  ReadResponseSchema,
  ScanRequestSchema,
  ScanResponseSchema,
  WriteRequestSchema,
} from "../../src/gen/storage/storage_node_pb.ts";
import { serverStream, unary } from "../support/grpc-js.ts";
import { RawGrpcConnection } from "../support/raw-grpc.ts";
import { startTestServer } from "../support/test-server.ts";

const server = await startTestServer();
const service = "/storage.StorageNodeService";
const value = new Uint8Array(5000).fill(3);

function grpcJs(options: grpc.ClientOptions = {}): grpc.Client {
  const address = `127.0.0.1:${server.server.grpcPort}`;
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), options);
  afterAll(() => client.close());
  return client;
}

const plain = grpcJs();
const compressing = grpcJs({ "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip });

function encode<S extends DescMessage>(schema: S, message: MessageInitShape<S>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, message)));
}

describe.each([
  ["grpc-js", plain],
  ["grpc-js with compression", compressing],
] as const)("%s", (_, client) => {
  test("writes, reads and scans", async () => {
    await unary(client, "Write", encode(WriteRequestSchema, { tenantId: "js", key: "k", value }));
    const read = fromBinary(
      ReadResponseSchema,
      await unary(client, "Read", encode(ReadRequestSchema, { tenantId: "js", key: "k" })),
    );
    expect(read.value).toEqual(value);

    const request = encode(ScanRequestSchema, { tenantId: "js" });
    const stream = serverStream(client, "Scan", request);
    const keys: string[] = [];
    for await (const chunk of stream) {
      for (const entry of fromBinary(ScanResponseSchema, chunk as Buffer).entries) keys.push(entry.key);
    }
    expect(keys).toEqual(["k"]);
  });

  test("gets status, text and details of a failure", async () => {
    const request = encode(WriteRequestSchema, { tenantId: "a:b", key: "k" });
    const failure = (await unary(client, "Write", request).catch(
      (error: unknown) => error,
    )) as grpc.ServiceError;
    expect(failure.code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(failure.details).toContain('":"');
    expect(failure.metadata.get("grpc-status-details-bin").length).toBe(1);
  });

  test("gets UNIMPLEMENTED for what this node does not serve", async () => {
    const failure = (await unary(client, "FutureMethod", Buffer.alloc(0)).catch(
      (error: unknown) => error,
    )) as grpc.ServiceError;
    expect([failure.code, failure.details]).toEqual([
      grpc.status.UNIMPLEMENTED,
      `this node does not serve ${service}/FutureMethod`,
    ]);
  });
});

test("a message arrives as it is, whatever it holds", async () => {
  const message = 'für 100 %: "a, b"; c/d?e=f';
  server.store.putError = new StorageError("UNAVAILABLE", message);
  const request = encode(WriteRequestSchema, { tenantId: "t", key: "k" });
  const failure = (await unary(plain, "Write", request).catch(
    (error: unknown) => error,
  )) as grpc.ServiceError;
  server.store.putError = undefined;
  expect([failure.code, failure.details]).toEqual([grpc.status.UNAVAILABLE, message]);
});

test("a native gRPC client at the HTTP port fails instead of waiting", async () => {
  const address = `127.0.0.1:${server.server.httpPort}`;
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const failure = (await unary(client, "Read", Buffer.alloc(0)).catch(
    (error: unknown) => error,
  )) as grpc.ServiceError;
  expect(failure.code).toBe(grpc.status.UNAVAILABLE);
  client.close();
});

describe("plain HTTP", () => {
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(server.httpUrl + path, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    });

  test("JSON as curl sends it", async () => {
    const written = await post(`${service}/Write`, '{"tenantId":"h","key":"k","value":"aGVsbG8="}');
    expect(await written.json()).toMatchObject({ success: true });
    const read = await post(`${service}/Read`, '{"tenantId":"h","key":"k"}');
    expect(await read.json()).toMatchObject({ success: true, value: "aGVsbG8=", siblingCount: 1 });
    const absent = await post(`${service}/Read`, '{"tenantId":"h","key":"no"}');
    expect([absent.status, await absent.json()]).toEqual([
      200,
      { errorMessage: "key not found", errorCode: "KEY_NOT_FOUND" },
    ]);
  });

  test("rebinding, a form, a foreign page: refused, and nothing is stored", async () => {
    const putCount = server.store.putCount;
    const body = '{"tenantId":"h","key":"evil","value":""}';
    const attempts = [
      post(`${service}/Write`, body, { host: "evil.example" }),
      post(`${service}/Write`, body, { "content-type": "text/plain" }),
      post(`${service}/Write`, body, { origin: "https://evil.example" }),
      fetch(`${server.httpUrl}${service}/Write?message=${encodeURIComponent(body)}&encoding=json`),
    ];
    expect((await Promise.all(attempts)).map((response) => response.status)).toEqual([421, 415, 403, 405]);
    expect(server.store.putCount).toBe(putCount);
  });

  test("probes and metrics are on both ports", async () => {
    const connection = new RawGrpcConnection(server.grpcUrl);
    const overHttp2 = (path: string) =>
      connection.call(path, new Uint8Array(0), { ":method": "GET", "content-type": "" });
    expect((await overHttp2("/health")).httpStatus).toBe(200);
    expect(new TextDecoder().decode((await overHttp2("/metrics")).body)).toBe("pairdb_up 1\n");
    expect(await (await fetch(`${server.httpUrl}/metrics`)).text()).toBe("pairdb_up 1\n");
    connection.close();
  });

  test("the same rules hold on the gRPC port for what is not gRPC", async () => {
    const connection = new RawGrpcConnection(server.grpcUrl);
    const body = new TextEncoder().encode('{"tenantId":"h","key":"k"}');
    const read = (headers: Record<string, string>) =>
      connection.call(`${service}/Read`, body, { "content-type": "application/json", ...headers });
    expect((await read({})).httpStatus).toBe(200);
    expect((await read({ ":authority": "evil.example" })).httpStatus).toBe(421);
    expect((await read({ origin: "https://evil.example" })).httpStatus).toBe(403);
    expect((await read({ "content-type": "text/plain" })).httpStatus).toBe(415);
    connection.close();
  });
});
