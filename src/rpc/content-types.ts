/** Which requests are RPC, by the content types of the three protocols. */

const grpc = /^application\/grpc(?!-web)/i;

const connectOrGrpcWeb =
  /^application\/(?:connect\+|grpc-web\+)?(?:proto|json(?:; ?charset=utf-?8)?)$|^application\/grpc-web$/i;

/** Native gRPC, which needs HTTP/2 and its trailers. */
export function isGrpc(contentType: string): boolean {
  return grpc.test(contentType);
}

/** Exactly one of Connect's or gRPC-Web's types: a browser asks before it sends any of them across origins. */
export function isConnectOrGrpcWeb(contentType: string): boolean {
  return connectOrGrpcWeb.test(contentType);
}

/** gRPC with protobuf and without parameters, which is what most callers send. */
export function isPlainGrpc(contentType: string): boolean {
  return contentType === "application/grpc" || contentType === "application/grpc+proto";
}
