/** The methods of `storage.StorageNodeService` that are about many keys: batches and scans. */
import { StorageError } from "../base/errors.ts";
import { compareUtf8, readUtf8 } from "../base/utf8.ts";
import {
  type ScanRequest as ScanRequestMessage,
  StorageNodeService,
} from "../gen/storage/storage_node_pb.ts";
import type { StorageNode } from "../node/storage-node.ts";
import { batchReadCodec, batchWriteCodec } from "./batch-codecs.ts";
import { BatchReadAnswer, batchWriteAnswer, ScanAnswer } from "./bulk-answers.ts";
import type { Call } from "./call.ts";
import { type Endpoint, serverStream, unary } from "./endpoint.ts";
import type { MessageWriter } from "./message-writer.ts";
import { batchItem } from "./messages.ts";

export interface BulkOptions {
  readonly node: () => StorageNode;
  readonly maxResponseBytes: number;
}

export function bulkEndpoints({ node, maxResponseBytes }: BulkOptions): Endpoint[] {
  const { method } = StorageNodeService;
  return [
    unary(
      method.batchWrite,
      async ({ entries, replicated }, call) => {
        const items = entries.map(batchItem);
        for (const { value } of items) call.valueBytes += value.length;
        return batchWriteAnswer(await node().writeBatch(items, replicated));
      },
      batchWriteCodec,
    ),

    unary(
      method.batchRead,
      ({ tenantId, keys, includeSiblings, replicated }, call) => {
        const shown = replicated ? "all versions" : includeSiblings ? "siblings" : "value";
        const answer = new BatchReadAnswer(tenantId, keys, shown, maxResponseBytes);
        const told = () => {
          call.valueBytes += answer.valueBytes;
          return answer.take();
        };
        const read = node().readBatch(tenantId, keys, (index, record) => answer.add(index, record));
        return read === undefined ? told() : read.then(told);
      },
      batchReadCodec,
    ),

    serverStream(method.scan, (request, call) => scan(node(), request, call)),
  ];
}

/** Chunks as the node cuts them; each carries the token that goes on after it. */
async function* scan(
  node: StorageNode,
  request: ScanRequestMessage,
  call: Call,
): AsyncGenerator<MessageWriter, void, void> {
  const { tenantId, endKey, prefix, limit, keysOnly } = request;
  const wanted = { tenantId, startKey: scanStart(request), endKey, prefix, limit, keysOnly };
  const answer = new ScanAnswer(tenantId, keysOnly);
  try {
    for await (const { resumeKey } of node.scan(wanted, (key, record) => answer.add(key, record))) {
      call.valueBytes += answer.valueBytes;
      yield answer.finish(resumeKey);
      answer.clear();
    }
  } finally {
    answer.end();
  }
}

/** A resume token is the key of the next record, so it has to lie in the range that it goes on with. */
function scanStart({ startKey, endKey, resumeToken }: ScanRequestMessage): string {
  if (resumeToken.length === 0) return startKey;
  const resumeKey = readUtf8(resumeToken, 0, resumeToken.length);
  const isOfRange =
    resumeKey !== undefined &&
    compareUtf8(resumeKey, startKey) >= 0 &&
    (endKey === "" || compareUtf8(resumeKey, endKey) < 0);
  if (isOfRange) return resumeKey;
  throw new StorageError(
    "INVALID_ARGUMENT",
    "resume_token does not belong to this range: send the token of an earlier answer with the same range",
  );
}
