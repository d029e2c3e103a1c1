/** A unary call as frames on a connection of our own. */
import type { Field } from "../src/http2/hpack/encoder.ts";
import type { FrameClient, StreamAnswer } from "../test/support/frame-client.ts";
import { envelope } from "../test/support/raw-grpc.ts";

const frameBytes = 16_384;

function fieldsOf(path: string): Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
}

/** Sends the request to a method of the storage service, and resolves with its stream. */
export function beginCall(client: FrameClient, method: string, message: Uint8Array): Promise<number> {
  return beginCallAt(client, `/storage.StorageNodeService/${method}`, message);
}

/** The same for the method of any service, at a path like `/storage.StorageNodeService/Read`. */
export async function beginCallAt(client: FrameClient, path: string, message: Uint8Array): Promise<number> {
  const id = client.open(fieldsOf(path), false);
  const body = envelope(message);
  for (let start = 0; start < body.length; start += frameBytes) {
    const end = start + frameBytes;
    await client.sendData(id, body.subarray(start, end), end >= body.length);
  }
  return id;
}

export function isOk({ trailers }: StreamAnswer): boolean {
  return trailers.some(([name, value]) => name === "grpc-status" && value === "0");
}
