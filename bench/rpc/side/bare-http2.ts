/**
 * A handler on `node:http2` that does as little as it can. A read is answered without a look at its request; other
 * requests are read to their end. It sends no trailers, which would cost it much.
 */
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { envelope } from "../../../test/support/raw-grpc.ts";
import { answerMessage } from "../work.ts";
import type { Serve } from "./serve.ts";

export const serveBareHttp2: Serve = (work, counts) => {
  const body = envelope(answerMessage(work));
  const answer = (stream: ServerHttp2Stream): void => {
    counts.calls++;
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.end(body);
  };
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream) => {
    if (work.operation === "read") {
      answer(stream);
      return;
    }
    stream.on("data", (chunk: Uint8Array) => {
      counts.receivedBytes += chunk.length;
    });
    stream.on("end", () => answer(stream));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
};
