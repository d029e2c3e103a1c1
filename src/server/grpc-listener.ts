/** The gRPC port, on the HTTP/2 server that the settings choose. */
import type { Listener } from "./listener.ts";
import { listenNative, type NativeListenerOptions } from "./native/listener.ts";
import { listenNode } from "./node-listener.ts";

/** Rejects with UNAVAILABLE when the address cannot be had. */
export async function listenGrpc(options: NativeListenerOptions): Promise<Listener> {
  return options.settings.http2 === "native" ? listenNative(options) : listenNode(options);
}
