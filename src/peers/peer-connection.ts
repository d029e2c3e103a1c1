/**
 * A peer over gRPC. After a failure that may be the connection's, the next call looks anew where the peer is, whether it
 * may be called there, and what to show it: so a peer that moved is found again, and one that must not be called is not.
 *
 * Calls may run side by side; they share one connection.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions, Client } from "@connectrpc/connect";
import { StorageError } from "../base/errors.ts";
import type {
  BatchWriteRequest,
  KeyValueEntry,
  ListRangeDigestsRequestSchema,
  StorageNodeService,
} from "../gen/storage/storage_node_pb.ts";
import type { HashBuckets } from "../migration/hash-buckets.ts";
import type { DigestChunk } from "../migration/list-digests.ts";
import {
  isUnimplemented,
  type Peer,
  type PeerCallOptions,
  type ReplicatedRecord,
  type WriteOutcome,
} from "../migration/peer.ts";
import { RangeChecksums } from "../migration/range-checksums.ts";
import { digestBytes } from "../migration/record-digest.ts";
import { type Channel, hostAndPort, openChannel } from "./channel.ts";
import type { PeerCredentials } from "./peer-credentials.ts";
import { isOfConnection, peerFailure } from "./peer-failures.ts";
import { repairRecords, type WriteCalls, writeRecords } from "./replicated-writes.ts";
import type { PeerPlace } from "./target-policy.ts";

export interface PeerConnectionOptions {
  readonly nodeId: string;
  /** Where it is now, if it may be called there. */
  readonly locate: () => Promise<PeerPlace>;
  readonly credentials: () => PeerCredentials;
}

type Service = Client<typeof StorageNodeService>;

export class PeerConnection implements Peer {
  readonly #options: PeerConnectionOptions;
  #place: PeerPlace;
  /** Whether `#place` may be out of date. */
  #isLost = false;
  #channel: Promise<Channel> | undefined;
  #isClosed = false;
  /** False once the peer has said so; asked anew after each new connection. */
  #knowsBatches = true;

  private constructor(options: PeerConnectionOptions, place: PeerPlace) {
    this.#options = options;
    this.#place = place;
  }

  /** Finds the peer; nothing is sent yet. */
  static async to(options: PeerConnectionOptions): Promise<PeerConnection> {
    return new PeerConnection(options, await options.locate());
  }

  get nodeId(): string {
    return this.#options.nodeId;
  }

  get address(): string {
    return hostAndPort(this.#place);
  }

  async writeReplicated(
    records: readonly ReplicatedRecord[],
    options: PeerCallOptions,
  ): Promise<WriteOutcome> {
    const calls: WriteCalls = {
      batchWrite: async (entries) => {
        try {
          await this.#call("BatchWrite", options, (service, callOptions) =>
            service.batchWrite(batchRequest(entries), callOptions),
          );
        } catch (error) {
          if (isUnimplemented(error)) this.#knowsBatches = false;
          throw error;
        }
      },
      repair: (request) =>
        this.#call("Repair", options, async (service, callOptions) => {
          const { success, errorMessage } = await service.repair(request, callOptions);
          if (!success) throw this.#refusal(errorMessage);
        }),
    };
    return await (this.#knowsBatches ? writeRecords : repairRecords)(records, calls);
  }

  rangeChecksums(
    buckets: HashBuckets,
    deletedBeforeSeconds: number,
    options: PeerCallOptions,
  ): Promise<RangeChecksums> {
    const request = checksumRequest(buckets, deletedBeforeSeconds);
    return this.#call("GetRangeChecksum", options, async (service, callOptions) => {
      const { checksums } = await service.getRangeChecksum(request, callOptions);
      return RangeChecksums.unpack(checksums, buckets.count);
    });
  }

  /** Where the peer's view grew too old, it goes on with a new one behind the last key that came. */
  async *rangeDigests(
    buckets: HashBuckets,
    isWanted: Uint8Array,
    deletedBeforeSeconds: number,
    { signal }: PeerCallOptions,
  ): AsyncGenerator<DigestChunk, void, void> {
    const request = {
      ...checksumRequest(buckets, deletedBeforeSeconds),
      buckets: [...isWanted.keys()].filter((bucket) => isWanted[bucket] === 1),
    };
    // A request that names none would ask for all.
    if (request.buckets.length === 0) return;
    for (let afterKey = ""; ; ) {
      let lastKey: string | undefined;
      try {
        for await (const chunk of this.#digestStream({ ...request, afterKey }, signal)) {
          lastKey = chunk.keys.at(-1);
          yield chunk;
        }
        return;
      } catch (error) {
        const isOutdated = error instanceof StorageError && error.code === "ABORTED";
        if (!isOutdated || lastKey === undefined) throw error;
        afterKey = lastKey;
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#drop(this.#channel);
  }

  async *#digestStream(
    request: MessageInitShape<typeof ListRangeDigestsRequestSchema>,
    signal: AbortSignal,
  ): AsyncGenerator<DigestChunk, void, void> {
    signal.throwIfAborted();
    const channel = this.#open();
    try {
      const { service } = await channel;
      for await (const { keys, digests } of service.listRangeDigests(request, { signal })) {
        if (digests.length !== keys.length * digestBytes)
          throw this.#refusal("its digests are not one a key");
        if (keys.length > 0) yield { keys, digests };
      }
    } catch (error) {
      throw this.#failure(error, channel, signal, "ListRangeDigests");
    }
  }

  async #call<T>(
    method: string,
    { signal, timeoutMs }: PeerCallOptions,
    run: (service: Service, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const channel = this.#open();
    try {
      const { service } = await channel;
      return await run(service, { signal, timeoutMs });
    } catch (error) {
      throw this.#failure(error, channel, signal, method);
    }
  }

  /** What a failed call throws. */
  #failure(error: unknown, channel: Promise<Channel>, signal: AbortSignal, method: string): unknown {
    if (signal.aborted) return signal.reason;
    if (isOfConnection(error)) this.#drop(channel);
    return peerFailure(error, this.#name, method);
  }

  #open(): Promise<Channel> {
    if (this.#isClosed) throw new StorageError("UNAVAILABLE", `the connection to ${this.#name} was closed`);
    if (this.#channel !== undefined) return this.#channel;
    const channel = this.#connect();
    this.#channel = channel;
    channel.catch(() => this.#drop(channel));
    return channel;
  }

  async #connect(): Promise<Channel> {
    if (this.#isLost) this.#place = await this.#options.locate();
    this.#isLost = false;
    this.#knowsBatches = true;
    return openChannel(this.#place, this.#options.credentials);
  }

  /** Unless there is another one by now. */
  #drop(channel: Promise<Channel> | undefined): void {
    if (channel === undefined || channel !== this.#channel) return;
    this.#channel = undefined;
    this.#isLost = true;
    channel.then((opened) => opened.close()).catch(() => undefined);
  }

  get #name(): string {
    return `the node ${JSON.stringify(this.nodeId)} at ${this.address}`;
  }

  #refusal(message: string): StorageError {
    return new StorageError("UNAVAILABLE", `${this.#name} refused: ${message || "it does not say why"}`);
  }
}

function checksumRequest({ ranges, perRange }: HashBuckets, deletedBeforeSeconds: number) {
  return {
    keyRanges: ranges.ranges.map(({ start, end }) => ({ startHash: start, endHash: end })),
    bucketCount: perRange,
    deletedBefore: BigInt(deletedBeforeSeconds),
  };
}

/** A whole message, as its entries are. */
function batchRequest(entries: KeyValueEntry[]): BatchWriteRequest {
  return { $typeName: "storage.BatchWriteRequest", entries, replicated: true, idempotencyKey: "" };
}
