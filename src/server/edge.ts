/**
 * The edge without its listeners: from endpoints to what answers a request, whichever port it came by.
 *
 *   plain unary calls    the thin road
 *   all other calls      the bridge
 *   everything else      the HTTP application
 */
import type { Registry } from "@bufbuild/protobuf";
import type { ConnectionPeer } from "../auth/authenticator.ts";
import type { Clock } from "../platform/clock.ts";
import { createBridge, type RpcHandler } from "../rpc/bridge.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import type { Gate } from "../rpc/gate.ts";
import { ThinRoad } from "../rpc/thin.ts";
import { createThinFetch } from "../rpc/thin-fetch.ts";
import { allowedHosts } from "./host-policy.ts";
import { createHttpApp, type HttpAppOptions } from "./http-app.ts";
import type { HttpHandler } from "./http-listener.ts";
import { rpcShortcut } from "./rpc-shortcut.ts";

export interface EdgeOptions extends Omit<HttpAppOptions, "rpc" | "thinRpc"> {
  readonly gate: Gate;
  readonly clock: Clock;
  /** Types that JSON can show where one stands inside an Any. */
  readonly registry: Registry;
}

/** Answers a request of a caller who is known as far as his connection tells. */
export type PeerHandler = (request: Request, peer: ConnectionPeer) => Response | Promise<Response>;

export interface Edge {
  readonly road: ThinRoad;
  readonly rpc: RpcHandler;
  /** Answers the HTTP port's requests. */
  readonly handleHttp: HttpHandler;
  /** Answers what comes to the gRPC port and is no gRPC. */
  readonly handleOnGrpcPort: PeerHandler;
}

export function createEdge(endpoints: readonly Endpoint[], options: EdgeOptions): Edge {
  const { settings, gate, clock, registry } = options;
  const { maxMessageBytes, readTimeoutMs, compressReplies } = settings;
  const common = { gate, clock, maxMessageBytes, readTimeoutMs, compressReplies, registry };
  const rpc = createBridge(endpoints, common);
  const road = new ThinRoad(endpoints, common);
  const thinRpc = createThinFetch({ ...common, road });
  const app = createHttpApp({ ...options, rpc, thinRpc });
  const shortcut = rpcShortcut(allowedHosts(settings), thinRpc);
  return {
    road,
    rpc,
    handleHttp: (request) => shortcut(request) ?? app.fetch(request),
    handleOnGrpcPort: (request, peer) => app.fetch(request, { peer }),
  };
}
