import { afterAll, expect, test } from "bun:test";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { type Answer, Connection } from "../../../src/load/connection.ts";

/** How the server ends the answer at each path. */
const endings: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  "/none": (stream) => {
    stream.respond({ ":status": 200 });
    stream.end("body");
  },
  "/no-status": (stream) => respond(stream, { "grpc-message": "x" }),
  "/good": (stream) => respond(stream, { "grpc-status": "0" }),
  "/bad": (stream) => respond(stream, { "grpc-status": "14", "grpc-message": "closing" }),
};

function respond(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.respond({ ":status": 200 }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end("body");
}

const server = createServer();
server.on("stream", (stream: ServerHttp2Stream, headers) => endings[String(headers[":path"])]!(stream));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
afterAll(() => server.close());

async function answerOf(path: string): Promise<Answer> {
  const answered = Promise.withResolvers<Answer>();
  const connection = new Connection({
    answered: (_, answer) => answered.resolve(answer),
    failed: answered.reject,
  });
  await connection.open("127.0.0.1", (server.address() as AddressInfo).port);
  const fields: [string, string][] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
  ];
  connection.send(fields, new Uint8Array(5));
  connection.flush();
  const answer = await answered.promise;
  connection.close();
  return answer;
}

test.each([
  ["/good", "0", ""],
  ["/bad", "14", "closing"],
  ["/no-status", "missing", "x"],
  ["/none", "missing", "the answer ended without trailers"],
])("an answer of %s has the status %s", async (path, status, message) => {
  expect(await answerOf(path)).toMatchObject({ status, message, bodyBytes: 4 });
});
