/** Answers calls of methods that this node does not serve with UNIMPLEMENTED, in the caller's own protocol. */
import { Code, ConnectError, createConnectRouter } from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { StorageNodeService } from "../gen/storage/storage_node_pb.ts";
import type { RpcObserver } from "./observer.ts";

/**
 * Connect encodes the refusal, which it throws before it looks at the body; the two methods lend their shapes, one
 * for unary and one for streaming callers, and are never run.
 */
export function createFallback(
  observer: RpcObserver,
): (request: UniversalServerRequest) => Promise<UniversalServerResponse> {
  const refuse = (context: { readonly url: string }) => {
    observer.requestRejected("unknown_method");
    const path = new URL(context.url).pathname;
    throw new ConnectError(`this node does not serve ${path}`, Code.Unimplemented);
  };
  const router = createConnectRouter({ requestGate: refuse });
  const { healthCheck, scan } = StorageNodeService.method;
  router.rpc(healthCheck, () => ({}));
  router.rpc(scan, async function* () {});
  const [unary, stream] = router.handlers;
  return async (request) => {
    const isStream = request.header.get("content-type")?.startsWith("application/connect+") ?? false;
    const response = await (isStream ? stream! : unary!)(request);
    // Connect's own servers have no resource there, so its unary callers get that status with the same body.
    return response.status === 501 ? { ...response, status: 404 } : response;
  };
}
