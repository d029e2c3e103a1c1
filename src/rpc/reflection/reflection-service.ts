/**
 * `grpc.reflection.v1.ServerReflection` and its older name `v1alpha`: what the node serves, for tools that have no proto
 * files. Everything comes from the descriptors in the generated code; there are no extensions.
 */
import type { DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { type Endpoint, exchange } from "../endpoint.ts";
import { Places } from "../places.ts";
import { DescriptorIndex } from "./descriptor-index.ts";

type Request = MessageShape<typeof ServerReflectionRequestSchema>;
type Question = Request["messageRequest"];
type Reply = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

const { method } = ServerReflection;

/** Its messages have other names, and are the same otherwise. */
const olderMethod = ServerReflectionAlpha.method
  .serverReflectionInfo as unknown as typeof method.serverReflectionInfo;

/** Tools ask what they need and leave, or keep a call open while they work. */
const mostCalls = 64;

export function reflectionEndpoints(services: readonly DescService[]): Endpoint[] {
  const index = new DescriptorIndex(services);
  const places = new Places(mostCalls, "ServerReflectionInfo");
  return [method.serverReflectionInfo, olderMethod].map((each) =>
    exchange(each, async function* (requests) {
      const giveBack = places.take();
      try {
        for await (const originalRequest of requests) {
          const messageResponse = reply(index, originalRequest.messageRequest);
          yield { validHost: originalRequest.host, originalRequest, messageResponse };
        }
      } finally {
        giveBack();
      }
    }),
  );
}

function reply(index: DescriptorIndex, { case: kind, value }: Question): Reply {
  switch (kind) {
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: index.services.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return files(index.file(value), "file", value);
    case "fileContainingSymbol":
      return files(index.fileOfSymbol(value), "symbol", value);
    case "fileContainingExtension":
      return refusal(Code.NotFound, `${quoted(value.containingType)} has no extensions`);
    case "allExtensionNumbersOfType":
      return index.messages.has(value)
        ? { case: "allExtensionNumbersResponse", value: { baseTypeName: value } }
        : notFound("message", value);
    case undefined:
      return refusal(Code.InvalidArgument, "message_request is not set");
  }
}

function files(found: Uint8Array[] | undefined, kind: string, name: string): Reply {
  if (found === undefined) return notFound(kind, name);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: found } };
}

function notFound(kind: string, name: string): Reply {
  return refusal(Code.NotFound, `this node has no ${kind} ${quoted(name)}`);
}

function refusal(errorCode: Code, errorMessage: string): Reply {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}

/** Whoever asks for a name as long as a message does not need all of it back. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}
