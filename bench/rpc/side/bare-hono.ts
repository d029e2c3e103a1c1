/** A route of Hono that reads its request and answers bytes made before: the least that any service on it costs. */
import { Hono } from "hono";
import { answerMessage, methodPath } from "../work.ts";
import type { Serve } from "./serve.ts";

export const serveBareHono: Serve = (work, counts) => {
  const body = answerMessage(work) as Uint8Array<ArrayBuffer>;
  const app = new Hono();
  app.post(methodPath(work), async (context) => {
    const request = await context.req.arrayBuffer();
    counts.calls++;
    counts.receivedBytes += request.byteLength;
    return context.body(body, 200, { "content-type": "application/proto" });
  });
  return Bun.serve({ hostname: "127.0.0.1", port: 0, development: false, fetch: app.fetch }).port!;
};
