/** What is no steady load: connections for one call, scans that are cancelled, frames that are wrong. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  ReadRequestSchema,
  ScanRequestSchema,
  WriteRequestSchema,
} from "../../src/gen/storage/storage_node_pb.ts";
import { errorCodes } from "../../src/http2/error-codes.ts";
import { frameTypes } from "../../src/http2/frames.ts";
import type { Field } from "../../src/http2/hpack/encoder.ts";
import { FrameClient, type StreamAnswer } from "../../test/support/frame-client.ts";
import { frame, resetStream, uint32 } from "../../test/support/http2-harness.ts";
import { envelope } from "../../test/support/raw-grpc.ts";

const tenantId = "endurance";
/** The values that scans find. */
const largeTenant = "large";
const largeCount = 20;
const largeBytes = 100_000;

export function requestOf(method: "Read" | "Write", key: string): Uint8Array {
  if (method === "Read") return toBinary(ReadRequestSchema, create(ReadRequestSchema, { tenantId, key }));
  const value = new Uint8Array(100);
  return toBinary(WriteRequestSchema, create(WriteRequestSchema, { tenantId, key, value }));
}

function fieldsOf(method: string): Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/storage.StorageNodeService/${method}`],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
}

async function begin(client: FrameClient, method: string, message: Uint8Array): Promise<number> {
  const id = client.open(fieldsOf(method), false);
  const body = envelope(message);
  for (let start = 0; start < body.length; start += 16_384) {
    await client.sendData(id, body.subarray(start, start + 16_384), start + 16_384 >= body.length);
  }
  return id;
}

function check({ headers, trailers }: StreamAnswer): void {
  if (trailers.some(([name, value]) => name === "grpc-status" && value === "0")) return;
  throw new Error(`a call failed: ${JSON.stringify([headers, trailers])}`);
}

/** Writes what scans find, and returns how many writes that took. */
export async function writeLargeValues(port: number, tls: boolean): Promise<number> {
  const client = await FrameClient.connect(port, { tls });
  const value = new Uint8Array(largeBytes);
  for (let number = 0; number < largeCount; number++) {
    const request = create(WriteRequestSchema, { tenantId: largeTenant, key: `${number}`, value });
    check(await client.answer(await begin(client, "Write", toBinary(WriteRequestSchema, request))));
  }
  client.close();
  return largeCount;
}

/** One read each on so many connections, and returns their number. */
export async function connectAnew(port: number, tls: boolean, key: string, count: number): Promise<number> {
  for (let i = 0; i < count; i++) {
    const client = await FrameClient.connect(port, { tls });
    check(await client.answer(await begin(client, "Read", requestOf("Read", key))));
    client.close();
  }
  return count;
}

/** Scans of more than the client takes, each left in the middle. */
export async function cancelScans(port: number, tls: boolean, count: number): Promise<void> {
  const client = await FrameClient.connect(port, { tls, streamWindowBytes: 65_535 });
  const message = toBinary(ScanRequestSchema, create(ScanRequestSchema, { tenantId: largeTenant }));
  for (let i = 0; i < count; i++) {
    const id = await begin(client, "Scan", message);
    client.heldBack.add(id);
    while (client.receivedBytes(id) < 65_535 && !client.isOver(id)) await Bun.sleep(1);
    client.send(resetStream(id, errorCodes.CANCEL));
    await client.ping();
  }
  client.close();
}

const badFrames: readonly Uint8Array[] = [
  Buffer.from("neither a frame nor anything else"),
  frame(frameTypes.DATA, 0, 0, [1]),
  frame(frameTypes.HEADERS, 4, 1, [0xff, 0xff, 0xff, 0xff, 0xff]),
  frame(frameTypes.SETTINGS, 0, 0, [1]),
  frame(frameTypes.WINDOW_UPDATE, 0, 0, uint32(0)),
  frame(frameTypes.CONTINUATION, 4, 1, [0x82]),
  Uint8Array.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1),
];

/** Each ends its connection. */
export async function sendBadFrames(port: number, tls: boolean, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const client = await FrameClient.connect(port, { tls });
    client.send(badFrames[i % badFrames.length]!);
    await client.closed.promise;
  }
}
