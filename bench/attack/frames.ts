/** What the attackers send, made once. */
import { create, toBinary } from "@bufbuild/protobuf";
import { ReadRequestSchema, ScanRequestSchema } from "../../src/gen/storage/storage_node_pb.ts";
import { errorCodes } from "../../src/http2/error-codes.ts";
import { frameFlags, frameTypes } from "../../src/http2/frames.ts";
import {
  encodeAny,
  frame,
  preface,
  resetStream,
  settings,
  windowUpdate,
} from "../../test/support/http2-harness.ts";
import { envelope } from "../../test/support/raw-grpc.ts";
import { largeKey, tenantId } from "./victim.ts";

/** More than the server bears. */
export const resetsPerConnection = 400;
const streamsPerReader = 10;
const trickleBytes = 100;

export const greeting = Buffer.concat([preface, settings(), frame(frameTypes.SETTINGS, frameFlags.ACK, 0)]);

function request(id: number, method: string, isEnd: boolean): Uint8Array {
  const block = encodeAny([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/storage.StorageNodeService/${method}`],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ]);
  const flags = frameFlags.END_HEADERS | (isEnd ? frameFlags.END_STREAM : 0);
  return frame(frameTypes.HEADERS, flags, id, block);
}

function call(id: number, method: string, message: Uint8Array): Uint8Array {
  const data = frame(frameTypes.DATA, frameFlags.END_STREAM, id, envelope(message));
  return Buffer.concat([request(id, method, false), data]);
}

const idOf = (index: number) => 2 * index + 1;

/** A whole connection: its greeting, and streams that are reset as soon as they are open. */
export const manyResets = Buffer.concat([
  greeting,
  ...Array.from({ length: resetsPerConnection }, (_, index) =>
    Buffer.concat([request(idOf(index), "Read", false), resetStream(idOf(index), errorCodes.CANCEL)]),
  ),
]);

const read = toBinary(ReadRequestSchema, create(ReadRequestSchema, { tenantId, key: largeKey }));
const scan = toBinary(ScanRequestSchema, create(ScanRequestSchema, { tenantId }));
const streams = Array.from({ length: streamsPerReader }, (_, index) => idOf(index));

/** Half of them reads of one large value, half scans of all. */
export const readsWithoutReading = Buffer.concat(
  streams.map((id, index) => (index % 2 === 0 ? call(id, "Read", read) : call(id, "Scan", scan))),
);

export const openWindow = Buffer.concat([
  windowUpdate(0, streamsPerReader * trickleBytes),
  ...streams.map((id) => windowUpdate(id, trickleBytes)),
]);
