/** What is no gRPC, by the HTTP application: from an HTTP/2 request to fetch's Request, and from its Response back. */
import type { ServerRequest, ServerResponse } from "../../http2/api.ts";
import { BodyReader } from "../../http2/body-reader.ts";
import type { PeerHandler } from "../edge.ts";
import { Departure } from "./departure.ts";
import { headersOf } from "./fields.ts";
import { sendResponse } from "./response-sender.ts";

/** Rejects for failures of our own, the stream reset. */
export async function answerByApp(
  handle: PeerHandler,
  request: ServerRequest,
  response: ServerResponse,
): Promise<void> {
  const answer = await handle(fetchRequest(request), request.peer);
  const isHead = request.method === "HEAD";
  await sendResponse(response, {
    status: answer.status,
    headers: answer.headers,
    body: isHead || answer.body === null ? undefined : answer.body,
    trailers: undefined,
  });
}

function fetchRequest(request: ServerRequest): Request {
  const { method } = request;
  const departure = new Departure();
  const body = new BodyReader(request, departure.happened);
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(`http://${request.authority}${request.path}`, {
    method,
    headers: headersOf(request.fields),
    signal: departure.signal,
    ...(hasBody ? { body: readableStream(body), duplex: "half" } : {}),
  });
}

function readableStream(body: BodyReader): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      const step = await body.next();
      if (step.done === true) controller.close();
      else controller.enqueue(step.value as Uint8Array<ArrayBuffer>);
    },
  });
}
