/**
 * Sees to it that the target contains what the source holds in the ranges: not that both are equal, since the target
 * holds keys of others too, and writes go on.
 *
 * One round compares the checksums of all buckets, and then, of those that differ, the digests of the records: both sides
 * list them in the order of their keys, so one walk over the source beside the target's list finds what the target lacks
 * or has differently. That is sent, and settled with its acknowledgement: the target's conflict rule has weighed it. The
 * source is looked at as of a sequence number, and the target asked only once it has acknowledged all up to it: what it
 * lacks then, it was not sent, or has not kept.
 *
 * So keys that a target lacks again, after it acknowledged them in the round before, are not on their way: it does not
 * keep what it is sent, and the comparison fails.
 */
import { Slice } from "../../base/bytes.ts";
import { StorageError } from "../../base/errors.ts";
import { readUtf8 } from "../../base/utf8.ts";
import type { RecordWalk } from "../../node/record-walk.ts";
import { KeyHasher } from "../../versions/key-hash.ts";
import { checksumRanges } from "../checksum-ranges.ts";
import type { HashBuckets } from "../hash-buckets.ts";
import type { DigestChunk } from "../list-digests.ts";
import type { Peer, PeerCallOptions } from "../peer.ts";
import { RecordDigester } from "../record-digest.ts";
import { DigestList } from "./digest-list.ts";
import { comparisonTimeoutMs } from "./environment.ts";
import type { LogFeed } from "./log-feed.ts";
import { RecordBatch } from "./record-batch.ts";
import { type SendLimits, SendWindow } from "./send-window.ts";
import type { StreamSource } from "./source.ts";

export interface ReconciliationEnvironment {
  readonly source: StreamSource;
  readonly peer: Peer;
  readonly feed: LogFeed;
  readonly buckets: HashBuckets;
  readonly limits: SendLimits;
  readonly signal: AbortSignal;
  readonly send: (batch: RecordBatch) => Promise<void>;
  readonly acknowledged: (batch: RecordBatch | undefined) => void;
}

const maxRounds = 3;
/** So many of the keys that the target lacked are looked for again. */
const maxRemembered = 1000;

/** Resolves when the target contains all that was written before the call. */
export async function reconcile(environment: ReconciliationEnvironment): Promise<void> {
  let lacked: ReadonlySet<string> = new Set();
  for (let round = 1; ; round++) {
    const lacking = await new Round(environment).run();
    const again = [...lacked].filter((key) => lacking.has(key));
    if (lacking.size === 0 || (round > 1 && again.length === 0)) return;
    if (round === maxRounds) {
      const { nodeId } = environment.peer;
      throw new StorageError(
        "INTERNAL",
        `${nodeId} lacks ${again.length} keys or more that it has acknowledged, such as ${JSON.stringify(again[0])}`,
      );
    }
    lacked = lacking;
  }
}

interface Comparison {
  readonly walk: RecordWalk;
  readonly theirs: DigestList;
  readonly isWanted: Uint8Array;
}

class Round {
  readonly #environment: ReconciliationEnvironment;
  readonly #options: PeerCallOptions;
  /** One time for both sides: what was deleted before it counts as absent. */
  readonly #deletedBeforeSeconds: number;
  readonly #window: SendWindow<undefined>;
  readonly #lacking = new Set<string>();
  readonly #hasher = new KeyHasher();
  readonly #digester = new RecordDigester();
  #batch = new RecordBatch();

  constructor(environment: ReconciliationEnvironment) {
    const { signal, source, send, limits, acknowledged } = environment;
    this.#environment = environment;
    this.#options = { signal, timeoutMs: comparisonTimeoutMs };
    this.#deletedBeforeSeconds = source.deletedBeforeSeconds;
    this.#window = new SendWindow(send, limits, (_, batch) => acknowledged(batch));
  }

  /** `TENANT:KEY` of what the target did not have at all, as far as so many are remembered. */
  async run(): Promise<ReadonlySet<string>> {
    const isWanted = await this.#differingBuckets();
    if (isWanted.includes(1)) await this.#compareRecords(isWanted);
    return this.#lacking;
  }

  get #walkRequest() {
    const { signal } = this.#environment;
    return { tenantId: "", deletedBeforeSeconds: this.#deletedBeforeSeconds, signal };
  }

  /** 1 for each bucket that differs. */
  async #differingBuckets(): Promise<Uint8Array> {
    const { source, peer, feed, buckets } = this.#environment;
    const { checksums, sequence } = await checksumRanges(source, buckets, this.#walkRequest);
    await feed.whenAcknowledged(sequence);
    const theirs = await peer.rangeChecksums(buckets, this.#deletedBeforeSeconds, this.#options);
    const isWanted = new Uint8Array(buckets.count);
    for (const bucket of checksums.differingFrom(theirs)) isWanted[bucket] = 1;
    return isWanted;
  }

  async #compareRecords(isWanted: Uint8Array): Promise<void> {
    const { source } = this.#environment;
    const walk = source.walk(this.#walkRequest);
    const theirs = new DigestList(this.#theirDigests(walk, isWanted));
    const comparison: Comparison = { walk, theirs, isWanted };
    try {
      for (let step = walk.next(); step !== "end"; step = walk.next()) {
        const waiting = step === "record" ? this.#look(comparison) : step;
        if (waiting !== undefined) await waiting;
      }
      await this.#flush();
      await this.#window.drain();
    } catch (error) {
      this.#window.abandon(error);
      throw error;
    } finally {
      walk.close();
      await theirs.close();
    }
  }

  /** As they are once the target has acknowledged all that the walk shows. */
  async *#theirDigests(walk: RecordWalk, isWanted: Uint8Array): AsyncGenerator<DigestChunk, void, void> {
    const { peer, feed, buckets } = this.#environment;
    await feed.whenAcknowledged(walk.sequence);
    yield* peer.rangeDigests(buckets, isWanted, this.#deletedBeforeSeconds, this.#options);
  }

  /** At the record where the walk stands; a promise where something has to be waited for. */
  #look({ walk, theirs, isWanted }: Comparison): Promise<void> | undefined {
    const { key, value } = walk;
    const hasher = this.#hasher;
    hasher.hash(key.bytes, key.start, key.length);
    const bucket = this.#environment.buckets.indexOf(hasher.high, hasher.low);
    if (bucket < 0 || isWanted[bucket] !== 1) return undefined;
    const text = readUtf8(key.bytes, key.start, key.length) ?? "";
    if (!theirs.tryReach(text) || this.#digester.needsTurns(value)) {
      walk.leave();
      return this.#lookAtCopy(theirs, text, key.copy(), value.copy());
    }
    this.#digester.digestRecord(hasher.digest, value);
    this.#weigh(theirs, text, key, value);
    if (!this.#batch.isFull) return undefined;
    walk.leave();
    return this.#flush();
  }

  async #lookAtCopy(theirs: DigestList, text: string, key: Uint8Array, record: Uint8Array): Promise<void> {
    await theirs.reach(text);
    await this.#digester.digestInTurns(this.#hasher.digest, record);
    this.#weigh(theirs, text, new Slice(key), new Slice(record));
    if (this.#batch.isFull) await this.#flush();
  }

  /** Against what the target has of the key, the digest of the record being the last one taken. */
  #weigh(theirs: DigestList, text: string, key: Slice, record: Slice): void {
    const isThere = theirs.has(text);
    if (isThere && theirs.isEqual(this.#digester.digest)) return;
    if (!isThere && this.#lacking.size < maxRemembered) this.#lacking.add(text);
    this.#batch.add(key, record);
  }

  async #flush(): Promise<void> {
    if (this.#batch.isEmpty) return;
    const batch = this.#batch;
    this.#batch = new RecordBatch();
    await this.#window.add(batch, undefined);
  }
}
