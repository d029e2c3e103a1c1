/** The node's services, called by gRPC-Web at the page's own origin. */
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AdminService } from "../gen/pairdb/admin/v1/admin_pb.ts";
import { StorageNodeService } from "../gen/storage/storage_node_pb.ts";
import { token } from "./session.ts";
import { Store } from "./store.ts";

/** Whether the last call reached the node. */
export const isReachable = new Store(true);

const authorize: Interceptor = (next) => async (request) => {
  if (token.value !== "") request.header.set("authorization", `Bearer ${token.value}`);
  try {
    const answer = await next(request);
    isReachable.value = true;
    return answer;
  } catch (error) {
    if (isLost(error)) isReachable.value = false;
    throw error;
  }
};

const transport = createGrpcWebTransport({
  // The page is at .../console.
  baseUrl: new URL(".", location.href).href.replace(/\/$/, ""),
  interceptors: [authorize],
});

export const admin = createClient(AdminService, transport);
export const storage = createClient(StorageNodeService, transport);

/** Whether nobody answered: a failed fetch has no status. */
export function isLost(error: unknown): boolean {
  const failure = ConnectError.from(error);
  return failure.cause instanceof TypeError || failure.code === Code.Unavailable;
}
