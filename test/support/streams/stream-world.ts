/**
 * Two nodes with stores in memory, and streams from one to the other: over a peer that does what the network does, or
 * what a test wants it to.
 */

import { StorageError } from "../../../src/base/errors.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import type { EngineOptions } from "../../../src/engine/options.ts";
import { checksumRanges } from "../../../src/migration/checksum-ranges.ts";
import type { HashBuckets } from "../../../src/migration/hash-buckets.ts";
import type { HashRange } from "../../../src/migration/hash-ranges.ts";
import { type DigestChunk, listDigests } from "../../../src/migration/list-digests.ts";
import type {
  Peer,
  PeerCallOptions,
  Peers,
  PeerTarget,
  ReplicatedRecord,
  WriteOutcome,
} from "../../../src/migration/peer.ts";
import type { RangeChecksums } from "../../../src/migration/range-checksums.ts";
import type { StreamObserver } from "../../../src/migration/streams/observer.ts";
import { type StreamReport, Streams } from "../../../src/migration/streams/streams.ts";
import { DiskGuard } from "../../../src/node/disk-guard.ts";
import { Drain } from "../../../src/node/drain.ts";
import { silentNodeObserver } from "../../../src/node/node-observer.ts";
import { StorageNode } from "../../../src/node/storage-node.ts";
import type { FileSystem } from "../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { EagerClock } from "../eager-clock.ts";
import { openEngine } from "../engine-driver.ts";
import { tinyOptions } from "../engine-settings.ts";

export const wholeRing: readonly HashRange[] = [{ start: 0n, end: 0n }];
export const halfRing: readonly HashRange[] = [{ start: 2n ** 63n, end: 0n }];

/** Small, and large enough for the batches of streams. */
export function worldOptions(maxRetainedBytes = 1 << 30): EngineOptions {
  return tinyOptions({
    commitLog: { maxRetainedBytes },
    memtable: { maxSizeBytes: 128 * 1024, flushThresholdBytes: 32 * 1024 },
  });
}

/** A node, and what it is made of. */
export class WorldNode {
  readonly files: MemoryFileSystem;
  readonly nodeId: string;
  readonly engine: Engine;
  readonly node: StorageNode;

  private constructor(files: MemoryFileSystem, nodeId: string, engine: Engine, node: StorageNode) {
    this.files = files;
    this.nodeId = nodeId;
    this.engine = engine;
    this.node = node;
  }

  static async open(files: MemoryFileSystem, nodeId: string, options: EngineOptions): Promise<WorldNode> {
    const engine = await openEngine(files, options, 1);
    const clock = new EagerClock();
    const diskGuard = new DiskGuard({
      maxDiskUsage: 0.9,
      clock,
      probe: () => ({ totalBytes: 1000, availableBytes: 1000 }),
      onStateChange: () => {},
    });
    const drain = new Drain({ store: engine, clock, activeStreams: () => [] });
    const node = new StorageNode(
      { store: engine, diskGuard, drain, clock, observer: silentNodeObserver },
      {
        nodeId,
        limits: { maxSiblings: 10, maxRecordBytes: 6000 },
        batchLimits: { maxEntries: 1000, maxBytes: 1 << 20 },
        staleWrite: "accept",
        gcGraceMs: 10 * 24 * 3_600_000,
      },
    );
    return new WorldNode(files, nodeId, engine, node);
  }
}

/** What the target does with a call; the default is to do it. */
export interface Trouble {
  /** Runs before each call; may throw, or wait. */
  before(call: "write" | "checksums" | "digests", options: PeerCallOptions): Promise<void>;
  /** Says yes and keeps nothing. */
  isLying(): boolean;
}

export const noTrouble: Trouble = { before: async () => undefined, isLying: () => false };

/** The target, as the source reaches it. */
export class WorldPeer implements Peer, Peers {
  readonly address = "127.0.0.1:1";
  readonly nodeId = "target";
  trouble: Trouble = noTrouble;
  /** Where it was looked for last. */
  host: string | undefined;
  /** No target may be there. */
  forbiddenHost: string | undefined;
  /** Of calls to write that are under way, and the most that there were. */
  underWay = { count: 0, bytes: 0, mostCount: 0, mostBytes: 0 };
  readonly #target: () => StorageNode;

  constructor(target: () => StorageNode) {
    this.#target = target;
  }

  async connect({ nodeId, host }: PeerTarget): Promise<Peer> {
    if (nodeId !== this.nodeId) throw new StorageError("INVALID_ARGUMENT", `${nodeId} is not known`);
    if (host === this.forbiddenHost) throw new StorageError("PERMISSION_DENIED", `not known at ${host}`);
    this.host = host;
    return this;
  }

  async writeReplicated(
    records: readonly ReplicatedRecord[],
    options: PeerCallOptions,
  ): Promise<WriteOutcome> {
    const { underWay } = this;
    const bytes = records
      .flatMap(({ versions }) => versions)
      .reduce((sum, { value }) => sum + value.length, 0);
    underWay.mostCount = Math.max(underWay.mostCount, ++underWay.count);
    underWay.bytes += bytes;
    underWay.mostBytes = Math.max(underWay.mostBytes, underWay.bytes);
    try {
      await this.trouble.before("write", options);
      if (!this.trouble.isLying()) await this.#target().writeBatch(records.flatMap(itemsOf), true);
    } finally {
      underWay.count--;
      underWay.bytes -= bytes;
    }
    return { keysWritten: records.length, deletedKeysLeft: [], siblingsLeft: 0 };
  }

  async rangeChecksums(
    buckets: HashBuckets,
    deletedBeforeSeconds: number,
    options: PeerCallOptions,
  ): Promise<RangeChecksums> {
    await this.trouble.before("checksums", options);
    return (await checksumRanges(this.#target(), buckets, { tenantId: "", deletedBeforeSeconds })).checksums;
  }

  async *rangeDigests(
    buckets: HashBuckets,
    isWanted: Uint8Array,
    deletedBeforeSeconds: number,
    options: PeerCallOptions,
  ): AsyncGenerator<DigestChunk, void, void> {
    await this.trouble.before("digests", options);
    yield* listDigests(this.#target(), buckets, isWanted, { tenantId: "", deletedBeforeSeconds });
  }

  close(): void {}
}

function itemsOf({ tenantId, key, versions }: ReplicatedRecord) {
  return versions.map(({ clock, timestampSeconds, isTombstone, value }) => ({
    tenantId,
    key,
    value,
    clock,
    isTombstone,
    timestampSeconds,
  }));
}

export interface StreamWorldOptions {
  readonly source?: EngineOptions;
  readonly target?: EngineOptions;
}

export class StreamWorld {
  source: WorldNode;
  target: WorldNode;
  streams: Streams;
  readonly peer = new WorldPeer(() => this.target.node);
  readonly clock = new EagerClock();
  /** What the observer was told, by name. */
  readonly events: string[] = [];
  readonly #options: StreamWorldOptions;

  private constructor(source: WorldNode, target: WorldNode, options: StreamWorldOptions) {
    this.source = source;
    this.target = target;
    this.#options = options;
    this.streams = undefined as unknown as Streams;
  }

  static async create(options: StreamWorldOptions = {}): Promise<StreamWorld> {
    const source = await WorldNode.open(new MemoryFileSystem(), "source", options.source ?? worldOptions());
    const target = await WorldNode.open(new MemoryFileSystem(), "target", options.target ?? worldOptions());
    const world = new StreamWorld(source, target, options);
    await world.openStreams();
    return world;
  }

  async openStreams(files: FileSystem = this.source.files): Promise<void> {
    const { node, engine } = this.source;
    this.streams = await Streams.open(
      {
        source: node,
        log: engine.followedLog,
        peers: this.peer,
        files,
        clock: this.clock,
        random: seededRandom(7),
        observer: recording(this.events),
      },
      { nodeId: "source", dataDirectory: "/data" },
    );
  }

  start(ranges: readonly HashRange[] = wholeRing) {
    return this.streams.start({ sourceNodeId: "source", target: targetOf("target"), ranges });
  }

  get report(): StreamReport | undefined {
    return this.streams.status({ sourceNodeId: "source", targetNodeId: "target" });
  }

  get state(): string {
    return this.report?.state ?? "not_found";
  }

  async whenState(...wanted: string[]): Promise<void> {
    for (let turn = 0; !wanted.includes(this.state); turn++) {
      if (turn > 200_000) throw new Error(`the stream stays ${this.state}: ${this.report?.failure?.reason}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** As a process ends that is asked to, and starts again. */
  async restartSource(): Promise<void> {
    await this.streams.close();
    await this.source.engine.close();
    await this.#reopenSource(this.source.files);
  }

  /** As one that is killed. */
  async killSource(): Promise<void> {
    const files = this.source.files.killClone();
    await this.streams.close();
    await this.source.engine.close();
    await this.#reopenSource(files);
  }

  async killTarget(): Promise<void> {
    const files = this.target.files.killClone();
    const { engine } = this.target;
    this.target = await WorldNode.open(files, "target", this.#options.target ?? worldOptions());
    await engine.close();
  }

  async close(): Promise<void> {
    await this.streams.close();
    await this.source.engine.close();
    await this.target.engine.close();
  }

  async #reopenSource(files: MemoryFileSystem): Promise<void> {
    this.source = await WorldNode.open(files, "source", this.#options.source ?? worldOptions());
    await this.openStreams();
  }
}

export function targetOf(nodeId: string, host = "10.0.0.2") {
  return { nodeId, host, port: 50052 };
}

function recording(events: string[]): StreamObserver {
  const note =
    (name: string) =>
    (first: unknown, second?: unknown): void => {
      events.push(`${name} ${String(name === "recordsSent" ? first : second)}`);
    };
  return {
    streamStarted: note("started"),
    streamResumed: note("resumed"),
    streamMoved: ({ host }) => void events.push(`moved ${host}`),
    phaseReached: note("phase"),
    tryFailed: note("tryFailed"),
    streamFailed: note("failed"),
    streamRecovered: note("recovered"),
    placeLost: note("placeLost"),
    streamEnded: note("ended"),
    recordsSent: note("recordsSent"),
    streamsFileDamaged: note("damaged"),
    streamsNotSaved: (error) => void events.push(`notSaved ${String(error)}`),
  };
}
