/**
 * The methods of `storage.StorageNodeService` by which other nodes and coordinators look at ranges of keys: the live
 * keys page by page, and the records with all that their conflict rule knows.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Slice } from "../base/bytes.ts";
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
import { maxKeyBytes } from "../node/validation.ts";
import type { Call } from "./call.ts";
import { type Endpoint, serverStream, unary } from "./endpoint.ts";
import { lengthFieldBytes } from "./message-writer.ts";
import { siblingEntry } from "./messages.ts";
import { bytesTag } from "./protobuf-fields.ts";

export interface RangeOptions {
  readonly node: () => StorageNode;
  readonly maxResponseBytes: number;
}

/** Keys of a page, where the caller does not say how many. */
const usualPageKeys = 1000;
/** Whoever asks for more gets these and the start of the next page. */
const mostPageKeys = 10_000;

export function rangeEndpoints({ node, maxResponseBytes }: RangeOptions): Endpoint[] {
  const { method } = StorageNodeService;
  return [
    unary(method.getKeyRange, (request) => keyRange(node(), request, maxResponseBytes)),
    serverStream(method.streamKeys, (request, call) => streamKeys(node(), request, call)),
  ];
}

/** A page ends early where its answer would become too large. */
async function keyRange(
  node: StorageNode,
  { tenantId, keyRangeStart, keyRangeEnd, maxKeys }: KeyRangeRequest,
  maxResponseBytes: number,
): Promise<MessageInitShape<typeof KeyRangeResponseSchema>> {
  checkCount("max_keys", maxKeys);
  const limit = maxKeys === 0 ? usualPageKeys : Math.min(maxKeys, mostPageKeys);
  const range = { tenantId, startKey: keyRangeStart, endKey: keyRangeEnd, limit, keysOnly: true };
  const page = new KeyPage(maxResponseBytes);
  let nextKey = "";
  for await (const { resumeKey } of node.scan(range, (key) => page.add(key))) {
    nextKey = page.refusedKey ?? (resumeKey === undefined ? "" : textOf(new Slice(resumeKey)));
    if (page.refusedKey !== undefined) break;
  }
  return { keys: page.keys, hasMore: nextKey !== "", nextKey };
}

const keysTag = bytesTag(1);
/** What else the answer holds: `has_more`, and `next_key` with its tag and length. */
const pageEndBytes = 2 + 3 + maxKeyBytes;

/** The keys of an answer, as many as fit. */
class KeyPage {
  readonly keys: string[] = [];
  /** The first key that did not. */
  refusedKey: string | undefined;
  #roomBytes: number;

  constructor(maxResponseBytes: number) {
    this.#roomBytes = maxResponseBytes - pageEndBytes;
  }

  add(key: Slice): void {
    if (this.refusedKey !== undefined) return;
    this.#roomBytes -= lengthFieldBytes(keysTag, key.length);
    if (this.#roomBytes >= 0) this.keys.push(textOf(key));
    else this.refusedKey = textOf(key);
  }
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
    const keyText = textOf(key);
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

/** What is stored as a key is valid UTF-8. */
function textOf({ bytes, start, length }: Slice): string {
  return readUtf8(bytes, start, length) ?? "";
}

type Entry = MessageInitShape<typeof KeyValueEntrySchema>;

/** How many of something; 0 leaves it to the node. */
function checkCount(name: string, count: number): void {
  if (count >= 0) return;
  throw new StorageError("INVALID_ARGUMENT", `${name} is ${count}; a whole number from 0 up is allowed`);
}
