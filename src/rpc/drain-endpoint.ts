/** DrainNode of `storage.StorageNodeService`. What goes wrong with the node itself is answered in-band, as "failed". */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { messageOf, StorageError } from "../base/errors.ts";
import {
  type DrainRequest,
  type DrainResponseSchema,
  ErrorCode,
  StorageNodeService,
} from "../gen/storage/storage_node_pb.ts";
import type { StorageNode } from "../node/storage-node.ts";
import { type Endpoint, unary } from "./endpoint.ts";

const usualTimeoutSeconds = 60;
const longestTimeoutSeconds = 3600;

export function drainEndpoint(node: () => StorageNode): Endpoint {
  return unary(StorageNodeService.method.drainNode, (request) => drainNode(node(), request));
}

async function drainNode(
  { drain }: StorageNode,
  { graceful, timeoutSeconds }: DrainRequest,
): Promise<MessageInitShape<typeof DrainResponseSchema>> {
  if (timeoutSeconds < 0 || timeoutSeconds > longestTimeoutSeconds) {
    const message = `timeout_seconds is ${timeoutSeconds}; allowed is 0, which means ${usualTimeoutSeconds}, to ${longestTimeoutSeconds}`;
    throw new StorageError("INVALID_ARGUMENT", message);
  }
  const timeoutMs = 1000 * (timeoutSeconds === 0 ? usualTimeoutSeconds : timeoutSeconds);
  try {
    const { state, left } = await drain.drain(graceful ? timeoutMs : 0);
    if (state === "serving")
      return failed("the draining was ended while it was waited for", ErrorCode.UNKNOWN);
    return { success: true, status: state, errorMessage: left.join("; ") };
  } catch (error) {
    const isFull = error instanceof StorageError && error.code === "DISK_FULL";
    return failed(messageOf(error), isFull ? ErrorCode.DISK_FULL : ErrorCode.INTERNAL_ERROR);
  }
}

function failed(errorMessage: string, errorCode: ErrorCode) {
  return { success: false, status: "failed", errorMessage, errorCode };
}
