/**
 * The frame around each message of gRPC and gRPC-Web: { uint8 flags, uint32 length, big-endian, message }.
 *
 * A unary request is exactly one such frame. What is not, is refused as Connect refuses it, so that both roads agree.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { readUint32BigEndian, writeUint32BigEndian } from "../base/integers.ts";
import { messageTooLarge } from "./errors.ts";

export const envelopePrefixBytes = 5;

const compressedFlag = 1;

/** How many answers a request with one message has, in the words of refusals. */
export type CallKind = "unary" | "server-streaming";

/**
 * Checks that the body of a request with one message, `bytes` from `start` to `end`, is one uncompressed message, which then
 * begins after the prefix and ends at `end`. Throws what the caller gets, also for a frame with `forbiddenFlag`: that of
 * gRPC-Web's trailers, which means nothing in gRPC.
 */
export function checkRequestFrame(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxMessageBytes: number,
  kind: CallKind,
  forbiddenFlag = 0,
): void {
  const bodyBytes = end - start;
  if (bodyBytes === 0)
    throw new ConnectError(`protocol error: missing input message for ${kind} method`, Code.Unimplemented);
  if (bodyBytes < envelopePrefixBytes) throw incomplete();
  const flags = bytes[start]!;
  const messageBytes = readUint32BigEndian(bytes, start + 1);
  if (messageBytes > maxMessageBytes) throw messageTooLarge(messageBytes, maxMessageBytes);
  const restBytes = bodyBytes - envelopePrefixBytes;
  if (restBytes < messageBytes) throw incomplete();
  if ((flags & compressedFlag) !== 0) {
    throw new ConnectError("received compressed envelope, but do not know how to decompress", Code.Internal);
  }
  if ((flags & forbiddenFlag) !== 0) throw new ConnectError("unexpected end flag", Code.InvalidArgument);
  if (restBytes > messageBytes) {
    throw new ConnectError(
      `protocol error: received extra input message for ${kind} method`,
      Code.Unimplemented,
    );
  }
}

/** A frame with this message. */
export function envelope(flags: number, message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(envelopePrefixBytes + message.length);
  writeEnvelopePrefix(frame, 0, flags, message.length);
  frame.set(message, envelopePrefixBytes);
  return frame;
}

export function writeEnvelopePrefix(
  target: Uint8Array,
  start: number,
  flags: number,
  messageBytes: number,
): void {
  target[start] = flags;
  writeUint32BigEndian(target, start + 1, messageBytes);
}

function incomplete(): ConnectError {
  return new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument);
}
