/** Connect's own handlers on routes of Hono, as its users put them there; the service answers from memory. */

import { fromBinary } from "@bufbuild/protobuf";
import { createConnectRouter } from "@connectrpc/connect";
import { createFetchHandler } from "@connectrpc/connect/protocol";
import { Hono } from "hono";
import { ReadResponseSchema, StorageNodeService } from "../../../src/gen/storage/storage_node_pb.ts";
import { answerMessage } from "../work.ts";
import type { Serve } from "./serve.ts";

export const serveStockConnect: Serve = (work, counts) => {
  const answer = fromBinary(ReadResponseSchema, answerMessage(work));
  const router = createConnectRouter();
  router.service(StorageNodeService, {
    read() {
      counts.calls++;
      return answer;
    },
  });
  const app = new Hono();
  for (const handler of router.handlers) {
    const handle = createFetchHandler(handler);
    app.post(handler.requestPath, (context) => handle(context.req.raw));
  }
  return Bun.serve({ hostname: "127.0.0.1", port: 0, development: false, fetch: app.fetch }).port!;
};
