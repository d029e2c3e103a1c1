/**
 * The bridge to Connect's universal handlers: gRPC, gRPC-web and Connect, unary and streamed, with compression
 * and JSON, independent of what carries the bytes.
 *
 * Every call passes the gate before its body is read. Connect aborts a call's signal exactly once, when its last
 * byte is handed over, when it failed, or when its deadline passed or its caller left; there the call ends.
 */
import type { DescMessage, DescMethod, Registry } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import type { ConnectionPeer } from "../auth/authenticator.ts";
import type { Clock } from "../platform/clock.ts";
import type { Call, CallRequest } from "./call.ts";
import type { Answer, Endpoint, ExchangeEndpoint, UnaryEndpoint } from "./endpoint.ts";
import type { Entrance, Gate } from "./gate.ts";
import { withinTimers } from "./grpc-timeout.ts";
import { answerFields } from "./message-codec.ts";
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
  /** Types that JSON can show where one stands inside an Any. */
  readonly registry: Registry;
}

/** Replies shorter than this are not worth the processor time. */
const compressMinBytes = 1024;

const knownEncodings = ["identity", compressionGzip.name];

const peerKey = createContextKey<ConnectionPeer | undefined>(undefined);

/** Tells the bridge whose connection a request came by; goes into its `contextValues`. */
export function contextOfPeer(peer: ConnectionPeer | undefined): ContextValues {
  return createContextValues().set(peerKey, peer);
}

const callKey = createContextKey<Call | undefined>(undefined);

export function createBridge(endpoints: readonly Endpoint[], options: BridgeOptions): RpcHandler {
  const entrances = new Map(
    endpoints.map((endpoint): [DescMethod, Entrance] => [
      endpoint.method,
      options.gate.entrance(endpoint.method, isEndless(endpoint)),
    ]),
  );
  const routerOptions: ConnectRouterOptions = {
    acceptCompression: [compressionGzip],
    compressMinBytes: options.compressReplies ? compressMinBytes : Number.MAX_SAFE_INTEGER,
    readMaxBytes: options.maxMessageBytes,
    jsonOptions: { registry: options.registry },
    requestGate: (context) => enter(entrances.get(context.method)!, context),
  };
  const router = createConnectRouter(routerOptions);
  for (const endpoint of endpoints) register(router, endpoint);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const fallback = createFallback(options.gate.observer);

  return async (request) => {
    const handler = handlers.get(new URL(request.url).pathname);
    const header = withinTimers(request.header);
    // Whoever exchanges messages may be quiet between them.
    const timedPart = handler?.method.methodKind === "bidi_streaming" ? "message" : "body";
    const body = withReadTimeout(request.body, options, timedPart);
    const response = await (handler ?? fallback)({ ...request, header, body });
    const encoding = header.get("grpc-encoding");
    // Connect leaves it out, with which callers choose another.
    if (encoding !== null && !knownEncodings.includes(encoding)) {
      response.header?.set("grpc-accept-encoding", knownEncodings.join(","));
    }
    return response;
  };
}

/** Lets a request in before its body is read, or throws the refusal. */
function enter(entrance: Entrance, context: HandlerContext): void {
  const { requestHeader } = context;
  const request: CallRequest = {
    header: (name) => requestHeader.get(name),
    headers: () => requestHeader,
    peer: context.values.get(peerKey),
    timeoutMs: context.timeoutMs(),
  };
  const call = entrance.admit(request);
  context.values.set(callKey, call);
  const { signal } = context;
  if (signal.aborted) call.end(signal.reason);
  else signal.addEventListener("abort", () => call.end(signal.reason), { once: true });
}

/** An exchange ends when its caller has asked enough, which is nothing to wait for. */
function isEndless(endpoint: Endpoint): boolean {
  return endpoint.kind === "exchange" || (endpoint.kind === "stream" && endpoint.isEndless);
}

function register(router: ConnectRouter, endpoint: Endpoint): void {
  if (endpoint.kind === "unary") router.rpc(endpoint.method, unaryHandler(endpoint));
  else if (endpoint.kind === "stream") router.rpc(endpoint.method, streamHandler(endpoint));
  else if (endpoint.method.methodKind === "bidi_streaming") {
    router.rpc(endpoint.method, streamHandler(endpoint));
  } else router.rpc(endpoint.method, clientStreamHandler(endpoint));
}

function unaryHandler({ method, run }: UnaryEndpoint) {
  return async (request: Parameters<typeof run>[0], context: HandlerContext) => {
    const call = callOf(context);
    try {
      const response = answerFields(method.output, await call.wait(run(request, call)));
      call.answered();
      return response;
    } catch (error) {
      throw call.failure(error);
    } finally {
      tellHeaders(call, context);
      tellTrailers(call, context);
    }
  };
}

interface StreamSource<I> {
  readonly method: { readonly output: DescMessage };
  run(request: I, call: Call): AsyncGenerator<Answer, void, void>;
}

/** Of whatever gives many answers; `request` is one message, or the iterable of them. */
function streamHandler<I>({ method, run }: StreamSource<I>) {
  return async function* (request: I, context: HandlerContext) {
    const call = callOf(context);
    try {
      for await (const answer of call.each(run(request, call))) {
        tellHeaders(call, context);
        yield answerFields(method.output, answer);
      }
      call.answered();
    } catch (error) {
      throw call.failure(error);
    } finally {
      tellHeaders(call, context);
      tellTrailers(call, context);
    }
  };
}

function clientStreamHandler(endpoint: ExchangeEndpoint) {
  const answers = streamHandler(endpoint);
  return async (requests: Parameters<typeof endpoint.run>[0], context: HandlerContext) => {
    const [answer] = await Array.fromAsync(answers(requests, context));
    if (answer === undefined) throw new ConnectError("the call had no answer", Code.Internal);
    return answer;
  };
}

function tellHeaders(call: Call, context: HandlerContext): void {
  if (!call.hasResponseMetadata) return;
  for (const [name, value] of call.responseHeaders) context.responseHeader.set(name, value);
}

function tellTrailers(call: Call, context: HandlerContext): void {
  if (!call.hasResponseMetadata) return;
  for (const [name, value] of call.responseTrailers) context.responseTrailer.set(name, value);
}

/** Without a call nothing runs. */
function callOf(context: HandlerContext): Call {
  const call = context.values.get(callKey);
  if (call === undefined) throw new ConnectError("the call did not pass the gate", Code.Internal);
  return call;
}
