/**
 * Other nodes, as moving data sees them: what can be asked of a node, and how one is found. `src/peers` has the real
 * ones; tests have their own.
 */
import { StorageError } from "../base/errors.ts";
import type { VersionedRecord } from "../versions/record.ts";
import type { HashBuckets } from "./hash-buckets.ts";
import type { DigestChunk } from "./list-digests.ts";
import type { RangeChecksums } from "./range-checksums.ts";

/** All that a node holds of one key, to be held by another one too. The values' bytes are the record's own. */
export interface ReplicatedRecord {
  readonly tenantId: string;
  readonly key: string;
  readonly versions: VersionedRecord;
}

export interface PeerCallOptions {
  /** Ends the call; it then throws the signal's reason. What was sent may have been stored. */
  readonly signal: AbortSignal;
  /** Of each call to the peer, of which a request may take several. */
  readonly timeoutMs: number;
}

/** What became of records that were written to a peer. */
export interface WriteOutcome {
  /** Keys of which the peer was told all, or all that it can be told. */
  readonly keysWritten: number;
  /** Keys whose deletion it was not told of, since it knows no way to be. */
  readonly deletedKeysLeft: readonly string[];
  /** Versions beside those of the highest rank that it was not told of, for the same reason. */
  readonly siblingsLeft: number;
}

/**
 * Another node. Its methods do not retry (see retries.ts): each failure is a StorageError whose code says whether another
 * try may help, UNAVAILABLE where nobody answers.
 */
export interface Peer {
  readonly nodeId: string;
  /** `HOST:PORT` where it was last found. */
  readonly address: string;
  /**
   * Stores records there, under the peer's conflict rule, and resolves when they are durable. They travel in as many
   * calls as the peer's limits want, each with whole keys where these fit one. After a failure any of them may have been
   * stored; writing them again changes nothing. A peer that knows no batches gets each key's highest-ranked version by
   * Repair, and nothing of deleted keys.
   */
  writeReplicated(records: readonly ReplicatedRecord[], options: PeerCallOptions): Promise<WriteOutcome>;
  /** The checksums of what it holds; what was deleted before `deletedBeforeSeconds` (Unix) does not count. */
  rangeChecksums(
    buckets: HashBuckets,
    deletedBeforeSeconds: number,
    options: PeerCallOptions,
  ): Promise<RangeChecksums>;
  /**
   * The digests of its records in those buckets that `isWanted` says 1 for, in the order of their keys, as fast as they
   * are taken. It takes as long as it takes: `timeoutMs` does not count.
   */
  rangeDigests(
    buckets: HashBuckets,
    isWanted: Uint8Array,
    deletedBeforeSeconds: number,
    options: PeerCallOptions,
  ): AsyncGenerator<DigestChunk, void, void>;
  /** Ends its connection, and calls under way with it. */
  close(): void;
}

/** A node as somebody names it; without an address it has to be known. */
export interface PeerTarget {
  readonly nodeId: string;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

export interface Peers {
  /**
   * A peer, with a connection of its own that is opened by the first call. Throws INVALID_ARGUMENT for this node itself
   * and for an unknown one, PERMISSION_DENIED for a target that may not be one, UNAVAILABLE where its name does not
   * resolve.
   */
  connect(target: PeerTarget): Promise<Peer>;
}

const unimplemented = "UNIMPLEMENTED";

/** What a peer of another make or version does not know. */
export function unimplementedBy(peer: string, method: string): StorageError {
  return new StorageError("INVALID_ARGUMENT", `${peer} does not know ${method}: it runs other software`, {
    details: { peer_status: unimplemented },
  });
}

export function isUnimplemented(error: unknown): boolean {
  return error instanceof StorageError && error.details["peer_status"] === unimplemented;
}
