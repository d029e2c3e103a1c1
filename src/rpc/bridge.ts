/**
 * The bridge to Connect's universal handlers: gRPC, gRPC-web and Connect, unary and streamed, with compression
 * and JSON, independent of what carries the bytes.
 *
 * Every call passes the gate before its body is read. Connect aborts a call's signal exactly once, when its last
 * byte is handed over, when it failed, or when its deadline passed or its caller left; there the call ends.
 */
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  createContextKey,
  type HandlerContext,
} from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import type { Clock } from "../platform/clock.ts";
import type { Call } from "./call.ts";
import type { Endpoint, StreamEndpoint, UnaryEndpoint } from "./endpoint.ts";
import type { Gate } from "./gate.ts";
import { withReadTimeout } from "./read-timeout.ts";
import { createFallback } from "./unknown-method.ts";

/** Answers any request that speaks one of the three protocols. Never rejects for what a client did. */
export type RpcHandler = (request: UniversalServerRequest) => Promise<UniversalServerResponse>;

export interface BridgeOptions {
  readonly gate: Gate;
  readonly clock: Clock;
  /** The largest message that a client may send, after decompression. */
  readonly maxMessageBytes: number;
  /** From a request's first byte to its last. */
  readonly readTimeoutMs: number;
  readonly compressReplies: boolean;
}

/** Replies shorter than this are not worth the processor time. */
const compressMinBytes = 1024;

const callKey = createContextKey<Call | undefined>(undefined);

export function createBridge(endpoints: readonly Endpoint[], options: BridgeOptions): RpcHandler {
  const routerOptions: ConnectRouterOptions = {
    acceptCompression: [compressionGzip],
    compressMinBytes: options.compressReplies ? compressMinBytes : Number.MAX_SAFE_INTEGER,
    readMaxBytes: options.maxMessageBytes,
    requestGate: (context) => enter(options.gate, context),
  };
  const router = createConnectRouter(routerOptions);
  for (const endpoint of endpoints) register(router, endpoint);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const fallback = createFallback(options.gate.observer);

  return (request) => {
    const handler = handlers.get(new URL(request.url).pathname) ?? fallback;
    return handler({ ...request, body: withReadTimeout(request.body, options) });
  };
}

/** Lets a request in before its body is read, or throws the refusal. */
function enter(gate: Gate, context: HandlerContext): void {
  const call = gate.admit(context.method);
  context.values.set(callKey, call);
  const { signal } = context;
  if (signal.aborted) call.end(signal.reason);
  else signal.addEventListener("abort", () => call.end(signal.reason), { once: true });
}

function register(router: ConnectRouter, endpoint: Endpoint): void {
  if (endpoint.kind === "unary") router.rpc(endpoint.method, unaryHandler(endpoint));
  else router.rpc(endpoint.method, streamHandler(endpoint));
}

function unaryHandler({ run }: UnaryEndpoint) {
  return async (request: Parameters<typeof run>[0], context: HandlerContext) => {
    const call = callOf(context);
    try {
      const response = await call.wait(run(request, call));
      call.answered();
      return response;
    } catch (error) {
      throw call.failure(error);
    }
  };
}

function streamHandler({ run }: StreamEndpoint) {
  return async function* (request: Parameters<typeof run>[0], context: HandlerContext) {
    const call = callOf(context);
    try {
      yield* call.each(run(request, call));
      call.answered();
    } catch (error) {
      throw call.failure(error);
    }
  };
}

/** Without a call nothing runs. */
function callOf(context: HandlerContext): Call {
  const call = context.values.get(callKey);
  if (call === undefined) throw new ConnectError("the call did not pass the gate", Code.Internal);
  return call;
}
