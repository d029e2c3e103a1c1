/**
 * The methods of `storage.StorageNodeService` by which other nodes and coordinators look at ranges of keys: the live
 * keys page by page, and the records with all that their conflict rule knows.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Slice } from "../base/bytes.ts";
import { StorageError } from "../base/errors.ts";
import { readUtf8 } from "../base/utf8.ts";
import {
  type KeyRangeRequest,
  type KeyRangeResponseSchema,
  type KeyValueEntrySchema,
  StorageNodeService,
  type StreamKeysRequest,
} from "../gen/storage/storage_node_pb.ts";
import type { ShownRecord } from "../node/shown-record.ts";
import type { StorageNode } from "../node/storage-node.ts";
import type { Call } from "./call.ts";
import { type Endpoint, serverStream, unary } from "./endpoint.ts";
import { siblingEntry } from "./messages.ts";

export interface RangeOptions {
  readonly node: () => StorageNode;
}

/** Keys of a page, where the caller does not say how many. */
const usualPageKeys = 1000;
/** Whoever asks for more gets these and the start of the next page. */
const mostPageKeys = 10_000;

export function rangeEndpoints({ node }: RangeOptions): Endpoint[] {
  const { method } = StorageNodeService;
  return [
    unary(method.getKeyRange, (request) => keyRange(node(), request)),
    serverStream(method.streamKeys, (request, call) => streamKeys(node(), request, call)),
  ];
}

async function keyRange(
  node: StorageNode,
  { tenantId, keyRangeStart, keyRangeEnd, maxKeys }: KeyRangeRequest,
): Promise<MessageInitShape<typeof KeyRangeResponseSchema>> {
  checkCount("max_keys", maxKeys);
  const limit = maxKeys === 0 ? usualPageKeys : Math.min(maxKeys, mostPageKeys);
  const range = { tenantId, startKey: keyRangeStart, endKey: keyRangeEnd, limit, keysOnly: true };
  const keys: string[] = [];
  let resumeKey: Uint8Array | undefined;
  const chunks = node.scan(range, (key) => void keys.push(readUtf8(key.bytes, key.start, key.length) ?? ""));
  for await (const chunk of chunks) resumeKey = chunk.resumeKey;
  const nextKey = resumeKey === undefined ? "" : (readUtf8(resumeKey, 0, resumeKey.length) ?? "");
  return { keys, hasMore: nextKey !== "", nextKey };
}

/** One entry for each version; those of a key follow each other, the highest rank first. */
async function* streamKeys(
  node: StorageNode,
  { tenantId, keyRangeStart, keyRangeEnd, batchSize }: StreamKeysRequest,
  call: Call,
): AsyncGenerator<Entry, void, void> {
  checkCount("batch_size", batchSize);
  const range = { tenantId, startKey: keyRangeStart, endKey: keyRangeEnd, limit: 0, withDeleted: true };
  let entries: Entry[] = [];
  const gather = (key: Slice, record: ShownRecord) => {
    const keyText = readUtf8(key.bytes, key.start, key.length) ?? "";
    for (const version of record.allVersions()) {
      // Copied: the entries are sent after the scan's view has moved on.
      const entry = siblingEntry(version, tenantId, keyText);
      entries.push({ ...entry, value: version.value.copy() });
    }
  };
  for await (const _ of node.scan(range, gather)) {
    const chunk = entries;
    entries = [];
    for (const entry of chunk) {
      call.valueBytes += entry.value?.length ?? 0;
      yield entry;
    }
  }
}

type Entry = MessageInitShape<typeof KeyValueEntrySchema>;

/** How many of something; 0 leaves it to the node. */
function checkCount(name: string, count: number): void {
  if (count >= 0) return;
  throw new StorageError("INVALID_ARGUMENT", `${name} is ${count}; a whole number from 0 up is allowed`);
}
