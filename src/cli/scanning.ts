/** Records of a range from a node, one after the other, for as long as it takes. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { KeyValueEntry, ScanRequestSchema } from "../gen/storage/storage_node_pb.ts";
import { type NodeConnection, noTimeoutMs } from "./client.ts";

/**
 * Yields the records in key order. The node bounds how long it keeps one moment's view: past that the scan goes
 * on with a later view from where it was, and `onNewView` is told.
 */
export async function* scanRecords(
  connection: NodeConnection,
  request: MessageInitShape<typeof ScanRequestSchema>,
  onNewView: () => void,
): AsyncGenerator<KeyValueEntry> {
  let resumeToken: Uint8Array = new Uint8Array(0);
  let remaining = request.limit ?? 0;
  for (;;) {
    try {
      const responses = connection.service.scan(
        { ...request, limit: remaining, resumeToken },
        { timeoutMs: noTimeoutMs },
      );
      for await (const response of responses) {
        yield* response.entries;
        resumeToken = response.resumeToken;
        if (remaining > 0) remaining -= response.entries.length;
      }
      return;
    } catch (error) {
      if (request.limit && remaining === 0) return;
      const viewEnded = error instanceof ConnectError && error.code === Code.Aborted;
      if (!viewEnded || resumeToken.length === 0) throw error;
      onNewView();
    }
  }
}
