/** gRPC by the bridge: from an HTTP/2 request to Connect's universal handlers and back. */
import type { ServerRequest, ServerResponse } from "../../http2/api.ts";
import { BodyReader } from "../../http2/body-reader.ts";
import { contextOfPeer, type RpcHandler } from "../../rpc/bridge.ts";
import { plainGrpcMessage } from "../grpc-message.ts";
import { Departure } from "./departure.ts";
import { headersOf } from "./fields.ts";
import { sendResponse } from "./response-sender.ts";

/** Rejects for failures of our own, the stream reset. */
export async function answerByBridge(
  rpc: RpcHandler,
  request: ServerRequest,
  response: ServerResponse,
): Promise<void> {
  const departure = new Departure();
  const body = new BodyReader(request, departure.happened);
  const answer = await rpc({
    httpVersion: "2.0",
    method: request.method,
    url: `http://${request.authority}${request.path}`,
    header: headersOf(request.fields),
    body,
    signal: departure.signal,
    contextValues: contextOfPeer(request.peer),
  });
  const { trailer } = answer;
  await sendResponse(response, {
    status: answer.status,
    headers: answer.header ?? new Headers(),
    body: answer.body,
    trailers: trailer === undefined ? undefined : () => plainGrpcMessage(trailer),
  });
}
