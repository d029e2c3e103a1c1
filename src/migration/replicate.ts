/**
 * ReplicateData: sends a range of keys, or a list of them, to another node, all versions with their clocks, so that the
 * other one's conflict rule tells what is news there.
 *
 * Chunks are read one after the other while earlier ones are on their way, a few at a time: so it holds a bounded number
 * of bytes however much it is to send, and reads no faster than the peer stores. A chunk that fails is sent again, with
 * pauses that grow; it may arrive twice, which changes nothing.
 *
 * Invariants:
 * 1. A key counts once the peer has acknowledged all that it can be told of it.
 * 2. What is left out, for a peer that cannot be told, is counted.
 */
import { StorageError } from "../base/errors.ts";
import type { StorageNode } from "../node/storage-node.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { Peer, Peers, ReplicatedRecord, WriteOutcome } from "./peer.ts";
import { type RecordSelection, recordChunks } from "./record-chunks.ts";
import { withRetries } from "./retries.ts";
import { WorkWindow } from "./work-window.ts";

export interface ReplicationEnvironment {
  readonly node: () => StorageNode;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ReplicationResult {
  readonly keysReplicated: number;
  /** Deleted keys that the peer could not be told of. */
  readonly deletedKeysLeftCount: number;
  /** The first of them. */
  readonly deletedKeysLeft: readonly string[];
  /** Siblings that the peer could not be told of. */
  readonly siblingsLeftCount: number;
}

const maxReplications = 8;
const chunksInFlight = 4;
const maxKeysNamed = 100;
const callTimeoutMs = 10_000;
const giveUpAfterMs = 30_000;

export class Replicator {
  readonly #environment: ReplicationEnvironment;
  #runningCount = 0;

  constructor(environment: ReplicationEnvironment) {
    this.#environment = environment;
  }

  /**
   * Resolves when the target has stored all of it. A failure on the way tells in its details how many keys were stored
   * (`keys_replicated`), and from which key of a range to go on (`resume_key`). Throws INVALID_ARGUMENT and its like for
   * a bad selection, as `Peers.connect` for a bad target, RESOURCE_EXHAUSTED while too many others run.
   */
  async replicate(
    selection: RecordSelection,
    targetNodeId: string,
    signal: AbortSignal,
  ): Promise<ReplicationResult> {
    const { node, peers } = this.#environment;
    const chunks = recordChunks(node(), selection, signal);
    if (this.#runningCount >= maxReplications) {
      throw new StorageError(
        "RESOURCE_EXHAUSTED",
        `${maxReplications} replications are under way, as many as may be; try again when one has ended`,
      );
    }
    this.#runningCount++;
    try {
      const peer = await peers.connect({ nodeId: targetNodeId });
      const isRange = selection.keys.length === 0;
      return await new Replication(this.#environment, peer, isRange).run(chunks, signal);
    } finally {
      this.#runningCount--;
    }
  }
}

class Replication {
  readonly #environment: ReplicationEnvironment;
  readonly #peer: Peer;
  readonly #isRange: boolean;
  /** Chunks that are not acknowledged, in the order of their keys. */
  readonly #pending = new Set<readonly ReplicatedRecord[]>();
  readonly #deletedKeysLeft: string[] = [];
  #keysReplicated = 0;
  #deletedKeysLeftCount = 0;
  #siblingsLeftCount = 0;

  constructor(environment: ReplicationEnvironment, peer: Peer, isRange: boolean) {
    this.#environment = environment;
    this.#peer = peer;
    this.#isRange = isRange;
  }

  /** Closes the peer's connection in the end. */
  async run(
    chunks: AsyncIterable<readonly ReplicatedRecord[]>,
    signal: AbortSignal,
  ): Promise<ReplicationResult> {
    const window = new WorkWindow(chunksInFlight);
    try {
      for await (const records of chunks) {
        if (records.length === 0) continue;
        this.#pending.add(records);
        await window.add((stop) => this.#send(records, AbortSignal.any([signal, stop])));
      }
      await window.settle();
    } catch (error) {
      await window.cancel(error);
      throw this.#failure(error);
    } finally {
      this.#peer.close();
    }
    return {
      keysReplicated: this.#keysReplicated,
      deletedKeysLeftCount: this.#deletedKeysLeftCount,
      deletedKeysLeft: this.#deletedKeysLeft,
      siblingsLeftCount: this.#siblingsLeftCount,
    };
  }

  async #send(records: readonly ReplicatedRecord[], signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#environment;
    const retries = { clock, random, signal, giveUpAfterMs };
    const outcome = await withRetries(retries, () =>
      this.#peer.writeReplicated(records, { signal, timeoutMs: callTimeoutMs }),
    );
    this.#pending.delete(records);
    this.#count(outcome);
  }

  #count({ keysWritten, deletedKeysLeft, siblingsLeft }: WriteOutcome): void {
    this.#keysReplicated += keysWritten;
    this.#deletedKeysLeftCount += deletedKeysLeft.length;
    this.#deletedKeysLeft.push(...deletedKeysLeft.slice(0, maxKeysNamed - this.#deletedKeysLeft.length));
    this.#siblingsLeftCount += siblingsLeft;
  }

  /** The failure, with how far it came. */
  #failure(error: unknown): unknown {
    if (!(error instanceof StorageError) || error.file !== undefined) return error;
    const [first] = this.#pending;
    const resumeKey = this.#isRange ? first?.[0]?.key : undefined;
    const details = {
      ...error.details,
      keys_replicated: String(this.#keysReplicated),
      ...(resumeKey === undefined ? {} : { resume_key: resumeKey }),
    };
    const message = `${error.message}; ${this.#keysReplicated} keys were replicated before`;
    return new StorageError(error.code, message, {
      details,
      cause: error,
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    });
  }
}
