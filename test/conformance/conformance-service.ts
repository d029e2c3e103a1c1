/**
 * Connect's ConformanceService on our endpoints: it answers as each request asks it to.
 *
 * Its messages are known at run time only, by the descriptors that the suite's own files give.
 */
import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  Registry,
} from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError } from "@connectrpc/connect";
import type { Call } from "../../src/rpc/call.ts";
import { type Endpoint, exchange, serverStream, unary } from "../../src/rpc/endpoint.ts";

interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

interface Failure {
  readonly code: Code;
  readonly message?: string;
  readonly details: readonly Any[];
}

interface UnaryDefinition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
  readonly response: { readonly case?: string; readonly value?: Uint8Array | Failure };
}

interface StreamDefinition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
  readonly responseData: readonly Uint8Array[];
  readonly error?: Failure;
}

type UnaryAsked = Message & { readonly responseDefinition?: UnaryDefinition };
type StreamAsked = Message & {
  readonly responseDefinition?: StreamDefinition;
  readonly fullDuplex?: boolean;
};

const serviceName = "connectrpc.conformance.v1.ConformanceService";
const requestInfoName = "connectrpc.conformance.v1.ConformancePayload.RequestInfo";

export function conformanceEndpoints(registry: Registry): Endpoint[] {
  return new ConformanceService(registry).endpoints();
}

class ConformanceService {
  readonly #registry: Registry;
  readonly #service: DescService;
  readonly #requestInfo: DescMessage;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#service = registry.getService(serviceName)!;
    this.#requestInfo = registry.getMessage(requestInfoName)!;
  }

  endpoints(): Endpoint[] {
    return this.#service.methods
      .filter(({ name }) => name !== "Unimplemented")
      .map((method) => this.#endpoint(method));
  }

  #endpoint(method: DescMethod): Endpoint {
    switch (method.methodKind) {
      case "unary":
        return unary(method as DescMethodUnary, (request, call) => this.#single([request], call));
      case "server_streaming":
        return serverStream(method as DescMethodServerStreaming, (request, call) =>
          this.#many(request, [request], call),
        );
      case "client_streaming":
        return exchange(method as DescMethodClientStreaming, (requests, call) =>
          this.#clientStream(requests, call),
        );
      default:
        return exchange(method as DescMethodBiDiStreaming, (requests, call) =>
          this.#bidiStream(requests, call),
        );
    }
  }

  async *#clientStream(requests: AsyncIterable<Message>, call: Call) {
    yield await this.#single(await Array.fromAsync(requests), call);
  }

  async #single(requests: readonly Message[], call: Call) {
    const definition = (requests[0] as UnaryAsked | undefined)?.responseDefinition;
    const requestInfo = this.#info(requests, call);
    if (definition === undefined) return { payload: { requestInfo } };
    addMetadata(definition, call);
    if (definition.responseDelayMs > 0) await Bun.sleep(definition.responseDelayMs);
    const { response } = definition;
    if (response.case === "error") throw this.#failure(response.value as Failure, requestInfo);
    return {
      payload: { data: (response.value as Uint8Array | undefined) ?? new Uint8Array(0), requestInfo },
    };
  }

  async *#bidiStream(requests: AsyncIterable<Message>, call: Call) {
    const received: Message[] = [];
    let first: StreamAsked | undefined;
    let answerCount = 0;
    for await (const request of requests) {
      first ??= request as StreamAsked;
      received.push(request);
      if (first.fullDuplex !== true) continue;
      const definition = first.responseDefinition;
      if (definition !== undefined) addMetadata(definition, call);
      const data = definition?.responseData[answerCount];
      if (data === undefined) break;
      const requestInfo =
        answerCount === 0
          ? this.#info([request], call)
          : { requests: [this.#pack(request)], requestHeaders: [] };
      if (definition!.responseDelayMs > 0) await Bun.sleep(definition!.responseDelayMs);
      yield { payload: { data, requestInfo } };
      answerCount++;
    }
    if (first !== undefined) yield* this.#many(first, received, call, answerCount);
  }

  /** The answers of a stream from number `from` on, and its end. */
  async *#many(first: Message, requests: readonly Message[], call: Call, from = 0) {
    const definition = (first as StreamAsked).responseDefinition;
    if (definition === undefined) return;
    addMetadata(definition, call);
    const { responseData, responseDelayMs, error } = definition;
    for (let index = from; index < responseData.length; index++) {
      if (responseDelayMs > 0) await Bun.sleep(responseDelayMs);
      const data = responseData[index]!;
      yield { payload: index === 0 ? { data, requestInfo: this.#info(requests, call) } : { data } };
    }
    if (error === undefined) return;
    throw this.#failure(error, responseData.length === 0 ? this.#info(requests, call) : undefined);
  }

  #info(requests: readonly Message[], call: Call) {
    const { timeoutMs } = call.request;
    return {
      requestHeaders: [...call.request.headers()].map(([name, value]) => ({
        name,
        value: value.split(", "),
      })),
      requests: requests.map((request) => this.#pack(request)),
      ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.trunc(timeoutMs)) }),
    };
  }

  #pack(message: Message): Any {
    return anyPack(this.#registry.getMessage(message.$typeName)!, message);
  }

  #failure(
    { code, message, details }: Failure,
    requestInfo: Record<string, unknown> | undefined,
  ): ConnectError {
    const error = new ConnectError(message ?? "", code);
    error.details = details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
    if (requestInfo !== undefined) error.details.push({ desc: this.#requestInfo, value: requestInfo });
    return error;
  }
}

/** Once for each call. */
function addMetadata(definition: UnaryDefinition | StreamDefinition, call: Call): void {
  if (call.hasResponseMetadata) return;
  const add = (source: readonly Header[], target: Headers) => {
    for (const { name, value } of source) for (const one of value) target.append(name, one);
  };
  add(definition.responseHeaders, call.responseHeaders);
  add(definition.responseTrailers, call.responseTrailers);
}
