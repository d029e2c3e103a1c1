/**
 * `grpc-message` escapes no more than gRPC asks for: everything outside printable ASCII, and "%". Connect escapes
 * punctuation too, which not every client turns back.
 */

/** The same trailers; their message is escaped anew. */
export function plainGrpcMessage(trailers: Headers): Headers {
  const message = trailers.get("grpc-message");
  if (message !== null) trailers.set("grpc-message", escapeMessage(decodeURIComponent(message)));
  return trailers;
}

function escapeMessage(message: string): string {
  return message.replace(/[^ -~]+|%/gu, (text) => encodeURIComponent(text));
}
