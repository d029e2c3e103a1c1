/** What is no proper call: it gets a status, stores nothing, and the connection goes on. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { Credentials } from "../../src/auth/authenticator.ts";
import {
  ErrorDetailsSchema,
  ReadRequestSchema,
  WriteRequestSchema,
} from "../../src/gen/storage/storage_node_pb.ts";

import type { Field } from "../../src/http2/hpack/encoder.ts";
import { isOpensslThere, makeAuthority } from "../support/certificates.ts";
import { everyone } from "../support/everyone.ts";
import { FrameClient } from "../support/frame-client.ts";
import { data, headers, preface, requestFields, settings } from "../support/http2-harness.ts";
import { envelope, type RawAnswer, RawGrpcConnection } from "../support/raw-grpc.ts";
import { SettableTls } from "../support/settable-tls.ts";
import { temporaryFolder } from "../support/temp-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const maxMessageBytes = 1 << 20;
const server = await startTestServer({ settings: { maxMessageBytes } });
const connection = new RawGrpcConnection(server.grpcUrl);
const impatient = new RawGrpcConnection((await startTestServer({ settings: { readTimeoutMs: 30 } })).grpcUrl);
const compressing = new RawGrpcConnection(
  (await startTestServer({ settings: { compressReplies: true } })).grpcUrl,
);
afterAll(() => {
  connection.close();
  compressing.close();
  impatient.close();
});

const service = "/storage.StorageNodeService";
const writeMessage = (valueBytes: number) =>
  toBinary(
    WriteRequestSchema,
    create(WriteRequestSchema, { tenantId: "t", key: "k", value: new Uint8Array(valueBytes) }),
  );
const readMessage = toBinary(ReadRequestSchema, create(ReadRequestSchema, { tenantId: "t", key: "k" }));

/** A write request whose key is these bytes. */
const writeOfKey = (key: number[]) => new Uint8Array([0x0a, 1, 0x74, 0x12, key.length, ...key]);

let putCount = 0;
beforeEach(() => {
  putCount = server.store.putCount;
});

function codes(answer: RawAnswer): (number | undefined)[] {
  return [answer.error?.code, answer.error?.findDetails(ErrorDetailsSchema)[0]?.code];
}

describe("gRPC", () => {
  afterEach(async () => {
    expect(server.store.putCount).toBe(putCount);
    expect((await connection.call(`${service}/Read`, envelope(readMessage))).grpcStatus).toBe("0");
    expect(connection.session.closed).toBe(false);
  });

  test.each([
    ["bytes that are no message", new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff])],
    ["a field that is cut off", writeMessage(100).subarray(0, 50)],
    ["a length that points past the end", new Uint8Array([0x0a, 0x7f, 0x61])],
    ["a key that is not UTF-8", writeOfKey([0xc3, 0x28])],
  ])("%s", async (_, message) => {
    const answer = await connection.call(`${service}/Write`, envelope(message));
    expect(codes(answer)).toEqual([Code.InvalidArgument, 1000]);
  });

  test.each([
    ["a method of a later version", `${service}/FutureMethod`],
    ["a method that nobody knows", `${service}/Nothing`],
    ["another service", "/a.b.Service/Method"],
    ["a path that is no method's", "/"],
  ])("%s is UNIMPLEMENTED", async (_, path) => {
    const answer = await connection.call(path, envelope(new Uint8Array([0xff])));
    expect(answer.httpStatus).toBe(200);
    expect(answer.error?.code).toBe(Code.Unimplemented);
    expect(answer.error?.rawMessage).toContain(path);
  });

  test("a message over the limit is RESOURCE_EXHAUSTED", async () => {
    const answer = await connection.call(`${service}/Write`, envelope(writeMessage(maxMessageBytes)));
    expect(codes(answer)).toEqual([Code.ResourceExhausted, 2008]);
    expect(answer.error?.rawMessage).toContain(String(maxMessageBytes));
  });

  test("a length that lies is refused before anything is held for it", async () => {
    const answer = await connection.call(`${service}/Write`, envelope(writeMessage(10), 0, 0xffff_ffff));
    expect(codes(answer)).toEqual([Code.ResourceExhausted, 2008]);
  });

  test("many refused messages do not use up the connection", async () => {
    for (let i = 0; i < 20; i++) {
      const answer = await connection.call(`${service}/Write`, envelope(writeMessage(maxMessageBytes)));
      expect(answer.error?.code).toBe(Code.ResourceExhausted);
    }
  }, 20_000);

  test.each([
    ["a path that is none", { ":path": "//" }],
    ["an authority that is none", { ":authority": "[" }],
  ])("%s is 400", async (_, headers) => {
    const answer = await connection.call(`${service}/Read`, envelope(readMessage), headers);
    expect([answer.httpStatus, server.rejections.at(-1)]).toEqual([400, "malformed"]);
  });

  test("a message that ends early is INTERNAL", async () => {
    const answer = await connection.call(`${service}/Write`, envelope(writeMessage(10), 0, 1000));
    expect(codes(answer)).toEqual([Code.Internal, 2000]);
  });

  test("no message, or two, are INTERNAL", async () => {
    const two = Buffer.concat([envelope(readMessage), envelope(readMessage)]);
    for (const body of [new Uint8Array(0), two]) {
      expect(codes(await connection.call(`${service}/Read`, body))).toEqual([Code.Internal, 2000]);
    }
  });

  test("an encoding that the node does not know is UNIMPLEMENTED and told what it knows", async () => {
    const answer = await connection.call(`${service}/Write`, envelope(writeMessage(1), 1), {
      "grpc-encoding": "zz",
    });
    expect(answer.error?.code).toBe(Code.Unimplemented);
    expect(answer.error?.rawMessage).toContain("gzip");
    expect(answer.headers["grpc-accept-encoding"]).toBe("identity,gzip");
  });

  test("what expands beyond the limit is RESOURCE_EXHAUSTED", async () => {
    const bomb = Bun.gzipSync(writeMessage(maxMessageBytes * 4));
    expect(bomb.length).toBeLessThan(maxMessageBytes / 10);
    const answer = await connection.call(`${service}/Write`, envelope(bomb, 1), { "grpc-encoding": "gzip" });
    expect(codes(answer)).toEqual([Code.ResourceExhausted, 2008]);
  });

  test("what claims to be compressed and is not fails", async () => {
    const answer = await connection.call(`${service}/Write`, envelope(writeMessage(1), 1), {
      "grpc-encoding": "gzip",
    });
    expect(answer.error?.code).toBe(Code.InvalidArgument);
  });

  test.each(["1", "5x", "999999999S", "-1S"])("the timeout %p fails", async (timeout) => {
    const answer = await connection.call(`${service}/Write`, envelope(writeMessage(1)), {
      "grpc-timeout": timeout,
    });
    expect(answer.grpcStatus).not.toBe("0");
  });

  test("a content type that is none of ours is 415", async () => {
    for (const contentType of ["text/plain", "application/grpc+thrift"]) {
      const answer = await connection.call(`${service}/Write`, writeMessage(1), {
        "content-type": contentType,
      });
      expect(answer.httpStatus).toBe(415);
    }
  });
});

test("a compressed request is read, and the answer is not compressed", async () => {
  const body = envelope(Bun.gzipSync(writeMessage(5000)), 1);
  const headers = { "grpc-encoding": "gzip", "grpc-accept-encoding": "gzip" };
  expect((await connection.call(`${service}/Write`, body, headers)).grpcStatus).toBe("0");
  const read = await connection.call(`${service}/Read`, envelope(readMessage), headers);
  expect(read.grpcStatus).toBe("0");
  expect(read.body[0]).toBe(0);
  expect(read.body.length).toBeGreaterThan(5000);
});

test("answers are compressed where that is configured and the caller accepts it", async () => {
  const write = envelope(writeMessage(5000));
  await compressing.call(`${service}/Write`, write);
  const read = envelope(readMessage);
  const accepted = await compressing.call(`${service}/Read`, read, { "grpc-accept-encoding": "gzip" });
  expect([accepted.body[0], accepted.headers["grpc-encoding"]]).toEqual([1, "gzip"]);
  expect(Bun.gunzipSync(accepted.body.slice(5)).length).toBeGreaterThan(5000);
  const plain = await compressing.call(`${service}/Read`, read);
  expect([plain.body[0], plain.headers["grpc-encoding"]]).toEqual([0, undefined]);
});

test("a body that does not come to its end in time is given up", async () => {
  const stream = impatient.session.request({
    ":method": "POST",
    ":path": `${service}/Write`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("data", () => undefined);
  const status = new Promise<unknown>((resolve) => {
    const look = (fields: Record<string, unknown>) =>
      "grpc-status" in fields && resolve(fields["grpc-status"]);
    stream.on("response", look).on("trailers", look);
  });
  stream.write(envelope(writeMessage(10)).subarray(0, 8));
  expect(await status).toBe("4");
  stream.close();
});

describe("Connect over HTTP", () => {
  const post = (path: string, body: RequestInit["body"], contentType = "application/proto") =>
    fetch(`${server.httpUrl}${path}`, { method: "POST", body, headers: { "content-type": contentType } });

  test("bytes that are no message, text that is no JSON, a field of the wrong type", async () => {
    const bad: [RequestInit["body"], string][] = [
      [new Uint8Array([0xff, 0xff]), "application/proto"],
      ["{", "application/json"],
      ['{"tenantId": 5}', "application/json"],
    ];
    for (const [body, contentType] of bad) {
      const response = await post(`${service}/Write`, body, contentType);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        code: "invalid_argument",
        details: [{ type: "storage.ErrorDetails", debug: { code: 1000 } }],
      });
    }
  });

  test("a body over the limit is refused", async () => {
    const response = await post(`${service}/Write`, writeMessage(maxMessageBytes));
    expect([response.status, await response.json()]).toMatchObject([429, { code: "resource_exhausted" }]);
  });

  test("an unknown method is unimplemented, for unary and for streaming callers", async () => {
    const unary = await post(`${service}/Nothing`, "{}", "application/json");
    expect([unary.status, await unary.json()]).toMatchObject([404, { code: "unimplemented" }]);
    const stream = await post(`${service}/Nothing`, envelope(new Uint8Array(0)), "application/connect+json");
    const end = new Uint8Array(await stream.arrayBuffer());
    expect([stream.status, end[0]]).toEqual([200, 2]);
    expect(JSON.parse(new TextDecoder().decode(end.subarray(5)))).toMatchObject({
      error: { code: "unimplemented" },
    });
  });
});

/** What a connection gets back that sends these bytes, once it has ended. */
async function talk(port: number, bytes: Uint8Array): Promise<string> {
  const ended = Promise.withResolvers<void>();
  let received = "";
  await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void socket.write(bytes),
      data: (_, answer) => {
        received += answer.toString("latin1");
      },
      close: () => ended.resolve(),
      error: () => undefined,
    },
  });
  await ended.promise;
  return received;
}

const http1 = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/** Enough of a ClientHello to be known for one. */
const tlsHello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);
const text = Buffer.from("neither one nor the other, but long enough to be seen as no preface");

describe("connections", () => {
  afterEach(async () => {
    expect((await connection.call(`${service}/Read`, envelope(readMessage))).grpcStatus).toBe("0");
    expect(connection.session.closed).toBe(false);
  });

  test.each([
    ["HTTP/1.1", http1],
    ["TLS", tlsHello],
    ["text", text],
    ["a preface that goes wrong at its end", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX")],
    ["a preface, and then text", Buffer.concat([preface, text])],
    [
      "a frame that is too long",
      Buffer.concat([preface, settings(), Uint8Array.of(255, 255, 255, 0, 0, 0, 0, 0, 1)]),
    ],
  ])("%s ends its connection, and others go on", async (_, bytes) => {
    await talk(server.server.grpcPort, bytes);
  });

  test("a frame that is cut off, and a call whose connection ends with it, harm nobody", async () => {
    const head = headers(1, [...requestFields, ["content-type", "application/grpc"]], 0);
    for (const bytes of [head, data(1, envelope(writeMessage(100), 0, 200))]) {
      for (let length = 1; length < bytes.length; length += 7) {
        const client = await FrameClient.connect(server.server.grpcPort);
        client.send(...(bytes === head ? [] : [head]), bytes.subarray(0, length));
        await client.end();
      }
    }
  });
});

const isNative = process.env["PAIRDB_TEST_HTTP2"] !== "node";
// The runtime's server keeps the first.
if (isNative)
  test("credentials that are sent twice are one text on every road, so nobody goes by the first alone", async () => {
    const seen: (string | null)[] = [];
    const { anonymous } = everyone;
    const identify = (credentials: Credentials) => {
      seen.push(credentials.header("authorization"));
      return anonymous;
    };
    const asking = await startTestServer({ authenticator: { anonymous, identify } });
    const client = await FrameClient.connect(asking.server.grpcPort);
    for (const contentType of ["application/grpc", "application/grpc+json", "application/proto"]) {
      const path: Field = [":path", "/storage.StorageNodeService/Read"];
      const fields = requestFields.map((field) => (field[0] === ":path" ? path : field));
      const twice: Field[] = ["a", "b"].map((text) => ["authorization", text]);
      await client.answer(client.open([...fields, ["content-type", contentType], ...twice], true));
    }
    expect(seen).toEqual(["a, b", "a, b", "a, b"]);
    client.close();
  });

// The runtime's server answers them in HTTP/2.
if (isNative)
  describe("foreign protocols", () => {
    test("HTTP/1.1 is told the port that speaks it", async () => {
      const { grpcPort, httpPort } = server.server;
      const answer = await talk(grpcPort, http1);
      expect(answer).toStartWith("HTTP/1.1 400 Bad Request\r\n");
      expect(answer).toEndWith(`HTTP/1.1 is served on port ${httpPort}\n`);
      expect(server.refusedConnections.at(-1)).toBe("http1");
    });

    test("TLS on the plain port gets an alert", async () => {
      const answer = await talk(server.server.grpcPort, tlsHello);
      expect(Buffer.from(answer, "latin1")[0]).toBe(21);
      expect(server.refusedConnections.at(-1)).toBe("tls_on_plain_port");
    });
  });

describe.if(isOpensslThere)("with TLS", () => {
  test("cleartext is refused, in HTTP/1.1 and in HTTP/2, and TLS goes on", async () => {
    const tls = new SettableTls(makeAuthority(temporaryFolder(), "localhost"));
    const secure = await startTestServer({ settings: { tls } });
    const { grpcPort } = secure.server;
    const client = await FrameClient.connect(grpcPort, { tls: true });
    for (const bytes of [http1, Buffer.concat([preface, settings()]), text]) await talk(grpcPort, bytes);
    const id = client.open([...requestFields, ["content-type", "application/grpc"]], true);
    expect((await client.answer(id)).headers).toContainEqual([":status", "200"]);
    client.close();
  });
});
