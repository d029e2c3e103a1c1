/** A peer in memory whose failures a test decides. */
import type {
  Peer,
  PeerCallOptions,
  Peers,
  PeerTarget,
  ReplicatedRecord,
  WriteOutcome,
} from "../../src/migration/peer.ts";

export class FakePeer implements Peer, Peers {
  readonly nodeId = "peer";
  readonly address = "10.0.0.9:50052";
  /** What it was told, in the order in which it acknowledged. */
  readonly records: ReplicatedRecord[] = [];
  /** Of calls under way, at most. */
  mostAtOnce = 0;
  isClosed = false;
  /** Runs in each call, before anything is kept; may throw. */
  onWrite: (records: readonly ReplicatedRecord[], options: PeerCallOptions) => Promise<void> = async () =>
    undefined;
  outcome: (records: readonly ReplicatedRecord[]) => WriteOutcome = (records) => ({
    keysWritten: records.length,
    deletedKeysLeft: [],
    siblingsLeft: 0,
  });
  #underWay = 0;

  async connect(_: PeerTarget): Promise<Peer> {
    return this;
  }

  async writeReplicated(
    records: readonly ReplicatedRecord[],
    options: PeerCallOptions,
  ): Promise<WriteOutcome> {
    this.#underWay++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay);
    try {
      await this.onWrite(records, options);
    } finally {
      this.#underWay--;
    }
    this.records.push(...records);
    return this.outcome(records);
  }

  rangeChecksums(): Promise<never> {
    return Promise.reject(new Error("no checksums here"));
  }

  // biome-ignore lint/correctness/useYield: there are none
  async *rangeDigests(): AsyncGenerator<never, void, void> {
    throw new Error("no digests here");
  }

  close(): void {
    this.isClosed = true;
  }
}
