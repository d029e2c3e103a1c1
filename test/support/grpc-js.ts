/** Calls of the storage service by grpc-js, with messages as bytes. */
import type * as grpc from "@grpc/grpc-js";

const service = "/storage.StorageNodeService";
const passOn = (bytes: Buffer) => bytes;

/** Rejects with the ServiceError. */
export function unary(
  client: grpc.Client,
  method: string,
  request: Buffer,
  options: grpc.CallOptions = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(`${service}/${method}`, passOn, passOn, request, options, (error, answer) => {
      if (error === null) resolve(answer!);
      else reject(error);
    });
  });
}

export function serverStream(
  client: grpc.Client,
  method: string,
  request: Buffer,
): grpc.ClientReadableStream<Buffer> {
  return client.makeServerStreamRequest(`${service}/${method}`, passOn, passOn, request);
}
