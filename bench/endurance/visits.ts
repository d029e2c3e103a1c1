/** What is no steady load: connections for one call, scans that are cancelled, frames that are wrong. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  ReadRequestSchema,
  ScanRequestSchema,
  WriteRequestSchema,
} from "../../src/gen/storage/storage_node_pb.ts";
import { errorCodes } from "../../src/http2/error-codes.ts";
import { frameTypes } from "../../src/http2/frames.ts";
import { FrameClient, type StreamAnswer } from "../../test/support/frame-client.ts";
import { frame, resetStream, uint32 } from "../../test/support/http2-harness.ts";
import { beginCall, isOk } from "../grpc-call.ts";

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

function check(answer: StreamAnswer): void {
  if (isOk(answer)) return;
  throw new Error(`a call failed: ${JSON.stringify([answer.headers, answer.trailers])}`);
}

/** Writes what scans find, and returns how many writes that took. */
export async function writeLargeValues(port: number, tls: boolean): Promise<number> {
  const client = await FrameClient.connect(port, { tls });
  const value = new Uint8Array(largeBytes);
  for (let number = 0; number < largeCount; number++) {
    const request = create(WriteRequestSchema, { tenantId: largeTenant, key: `${number}`, value });
    check(await client.answer(await beginCall(client, "Write", toBinary(WriteRequestSchema, request))));
  }
  client.close();
  return largeCount;
}

/** One read each on so many connections, and returns their number. */
export async function connectAnew(port: number, tls: boolean, key: string, count: number): Promise<number> {
  for (let i = 0; i < count; i++) {
    const client = await FrameClient.connect(port, { tls });
    check(await client.answer(await beginCall(client, "Read", requestOf("Read", key))));
    client.close();
  }
  return count;
}

/** Scans of more than the client takes, each left in the middle. */
export async function cancelScans(port: number, tls: boolean, count: number): Promise<void> {
  const client = await FrameClient.connect(port, { tls, streamWindowBytes: 65_535 });
  const message = toBinary(ScanRequestSchema, create(ScanRequestSchema, { tenantId: largeTenant }));
  for (let i = 0; i < count; i++) {
    const id = await beginCall(client, "Scan", message);
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
