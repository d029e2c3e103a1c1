/**
 * The client of one tenant of one node.
 *
 * It always writes with a clock: one that has seen all that the key held when it was read, with a number of its own
 * that it never uses again. So the new version takes the place of what was read, stands beside what others wrote
 * meanwhile, and stores nothing twice however often it is sent.
 *
 * Invariants:
 * 1. No two versions of this client have the same number (`#nextNumber`).
 * 2. Within the client, a change of a key begins to read after the one before it was answered (`KeyLocks`); so
 *    that a clock with a higher number of this client has truly seen those with lower ones.
 * 3. A write counts as done only when the answer's clock has the write's own number, and no higher one of the same
 *    writer: then somebody else writes under this id, and what was written may have been taken for seen.
 */
import { createClient, type Transport } from "@connectrpc/connect";
import { BatchedCalls, type BatchLimits, defaultBatchLimits } from "./batching.ts";
import { type Calls, type Change, NodeCalls, type Written } from "./calls.ts";
import { advanceClock, type Clock, clockFromMessage, compareClocks } from "./clock.ts";
import { bytesOf, Entry, entryOf, type Held, heldFromMessage, type Resolve, resolvedEntry } from "./entry.ts";
import { ConflictError, explainFailure, PairDbError, SiblingsError } from "./errors.ts";
import { StorageNodeService } from "./gen/storage/storage_node_pb.ts";
import { KeyLocks } from "./key-locks.ts";
import { Deadline, Pauses } from "./retry.ts";
import { type ScannedEntry, type ScanRange, scanEntries } from "./scan.ts";

export interface PairDbOptions {
  /** How to reach the node: `grpcTransport` of `@pairdb/client/node`, `webTransport` of `@pairdb/client/web`. */
  readonly transport: Transport;
  readonly tenantId: string;
  /**
   * Names whoever writes in the clocks of what is written: 1 to 128 bytes. No two clients that run at the same time
   * may share one, or they overwrite each other unseen. Every id that ever wrote a key stays in its clock, so a
   * long-lived writer should keep its own.
   */
  readonly writerId: string;
  /** Sent as a bearer token; a function is asked before each call, so that it can be renewed. */
  readonly token?: string | (() => string | Promise<string>);
  /** Of each call with all its retries, and of each wait of a scan; default 10,000. */
  readonly timeoutMs?: number;
  /** Makes one value of concurrent ones, for `get`, `getMany` and `update`. */
  readonly resolve?: Resolve;
  /** Sends calls that begin in the same turn together. */
  readonly batching?: boolean | Partial<BatchLimits>;
}

export interface CallSettings {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface PutSettings extends CallSettings {
  /**
   * The clock that the caller has read: where the key holds something else by now, ConflictError is thrown and
   * nothing written. Two clients that pass this check at once make siblings. Without it, what the key holds is
   * overwritten.
   */
  readonly seen?: Clock;
}

/** Makes the new value of what is there; undefined deletes the key. */
export type Update = (
  current: Entry | undefined,
) => Uint8Array | string | undefined | Promise<Uint8Array | string | undefined>;

const defaultTimeoutMs = 10_000;
/** How often an update tries to resolve what others wrote beside it; what is left then stays as siblings. */
const maxResolutions = 10;

export class PairDb {
  readonly #node: NodeCalls;
  readonly #calls: Calls;
  readonly #writerId: string;
  readonly #resolve: Resolve | undefined;
  readonly #timeoutMs: number;
  readonly #locks = new KeyLocks();
  #lastNumber = 0n;

  constructor(options: PairDbOptions) {
    const { transport, tenantId, writerId, token, batching = false } = options;
    if (writerId === "") throw new PairDbError("INVALID_ARGUMENT", "writerId is empty");
    this.#node = new NodeCalls(createClient(StorageNodeService, transport), tenantId, headersWith(token));
    const limits = batching === true ? {} : batching;
    this.#calls =
      limits === false ? this.#node : new BatchedCalls(this.#node, { ...defaultBatchLimits, ...limits });
    this.#writerId = writerId;
    this.#resolve = options.resolve;
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  }

  /** What the key holds; undefined where it is absent or deleted. Resolves siblings without writing them back. */
  get(key: string, settings: CallSettings = {}): Promise<Entry | undefined> {
    return this.#explained(async () => this.#entryOf(key, await this.#read(key, this.#deadline(settings))));
  }

  /** The same for many keys by one call, in their order. */
  getMany(keys: readonly string[], settings: CallSettings = {}): Promise<(Entry | undefined)[]> {
    return this.#explained(async () => {
      const held = await this.#readMany(keys, this.#deadline(settings));
      return Promise.all(keys.map((key, index) => this.#entryOf(key, held[index]!)));
    });
  }

  /** Stores a value in the place of all that the key holds, siblings too. Resolves with the key's clock. */
  put(key: string, value: Uint8Array | string, settings: PutSettings = {}): Promise<Clock> {
    return this.#change(key, bytesOf(value), settings);
  }

  /** Deletes the key, under the same rules as `put`. */
  delete(key: string, settings: PutSettings = {}): Promise<Clock> {
    return this.#change(key, undefined, settings);
  }

  /** Stores several values by one call: all or none of them. An undefined value deletes its key. */
  putMany(
    values: Iterable<readonly [key: string, value: Uint8Array | string | undefined]>,
    settings: CallSettings = {},
  ): Promise<void> {
    const entries = new Map(values);
    const keys = [...entries.keys()];
    return this.#explained(() =>
      this.#locks.run(keys, async () => {
        const deadline = this.#deadline(settings);
        const held = await this.#readMany(keys, deadline);
        const changes = keys.map((key, index) => {
          const value = entries.get(key);
          return this.#nextVersion(key, value === undefined ? undefined : bytesOf(value), held[index]!.clock);
        });
        const answers = await this.#node.writeMany(changes, deadline);
        for (const [index, change] of changes.entries()) this.#assertWritten(change, answers[index]!);
      }),
    );
  }

  /**
   * Reads, changes and writes back. What others wrote beside it meanwhile is resolved and written back too, if the
   * client can `resolve`; without that, an update of a key with siblings throws SiblingsError. Resolves with what
   * was written.
   */
  update(key: string, change: Update, settings: CallSettings = {}): Promise<Entry | undefined> {
    return this.#explained(() =>
      this.#locks.run([key], async () => {
        const deadline = this.#deadline(settings);
        const held = await this.#read(key, deadline);
        if (held.siblings.length > 0 && this.#resolve === undefined) {
          throw new SiblingsError(key, held.siblings);
        }
        const value = await change(await this.#entryOf(key, held));
        const bytes = value === undefined ? undefined : bytesOf(value);
        const written = this.#nextVersion(key, bytes, held.clock);
        const clock = await this.#write(written, deadline);
        if (this.#resolve === undefined || compareClocks(clock, written.clock) === "equal") {
          return bytes === undefined ? undefined : new Entry(key, bytes, written.clock);
        }
        return this.#resolveOthers(key, this.#resolve, deadline);
      }),
    );
  }

  /** Records in key order. Goes on by itself where the connection breaks. */
  async *scan(range: ScanRange = {}, settings: CallSettings = {}): AsyncGenerator<ScannedEntry, void, void> {
    const { timeoutMs = this.#timeoutMs, signal } = settings;
    try {
      yield* scanEntries(this.#node, range, timeoutMs, signal);
    } catch (error) {
      throw explainFailure(error);
    }
  }

  #change(key: string, value: Uint8Array | undefined, settings: PutSettings): Promise<Clock> {
    return this.#explained(() =>
      this.#locks.run([key], async () => {
        const deadline = this.#deadline(settings);
        const held = await this.#read(key, deadline);
        if (settings.seen !== undefined && compareClocks(settings.seen, held.clock) !== "equal") {
          throw new ConflictError(key, await this.#entryOf(key, held));
        }
        return this.#write(this.#nextVersion(key, value, held.clock), deadline);
      }),
    );
  }

  /** Writes back what `resolve` makes of the siblings until the key holds one version, or others are too busy. */
  async #resolveOthers(key: string, resolve: Resolve, deadline: Deadline): Promise<Entry | undefined> {
    const pauses = new Pauses();
    for (let round = 1; ; round++) {
      const held = await this.#read(key, deadline);
      const entry = await resolvedEntry(key, held, resolve);
      if (held.siblings.length === 0 || round === maxResolutions) return entry;
      const written = this.#nextVersion(key, entry?.value, held.clock);
      const clock = await this.#write(written, deadline);
      if (compareClocks(clock, written.clock) === "equal") return entry;
      if (!(await pauses.pause(deadline))) return entry;
    }
  }

  async #read(key: string, deadline: Deadline): Promise<Held> {
    return heldFromMessage(await this.#calls.read(key, deadline));
  }

  async #readMany(keys: readonly string[], deadline: Deadline): Promise<Held[]> {
    if (keys.length === 0) return [];
    return (await this.#node.readMany(keys, deadline)).map(heldFromMessage);
  }

  async #write(change: Change, deadline: Deadline): Promise<Clock> {
    return this.#assertWritten(change, await this.#calls.write(change, deadline));
  }

  /** The clock of what the key holds now; throws where it cannot have this write in it. */
  #assertWritten({ key, clock }: Change, { updatedVectorClock }: Written): Clock {
    const heldClock = clockFromMessage(updatedVectorClock);
    const ours = clock.get(this.#writerId) ?? 0n;
    const held = heldClock.get(this.#writerId) ?? 0n;
    if (held === ours) return heldClock;
    throw new PairDbError(
      "WRITER_ID_SHARED",
      `key ${JSON.stringify(key)} was written as number ${ours} of ${JSON.stringify(this.#writerId)}, and the node ` +
        `knows ${held}: another client writes under this id`,
    );
  }

  #nextVersion(key: string, value: Uint8Array | undefined, seen: Clock): Change {
    return { key, value, clock: advanceClock(seen, this.#writerId, this.#nextNumber()) };
  }

  /** Microseconds of the wall clock, so that no number comes twice, not even in another process or after a restore. */
  #nextNumber(): bigint {
    const now = BigInt(Date.now()) * 1000n;
    this.#lastNumber = now > this.#lastNumber ? now : this.#lastNumber + 1n;
    return this.#lastNumber;
  }

  async #entryOf(key: string, held: Held): Promise<Entry | undefined> {
    return this.#resolve === undefined ? entryOf(key, held) : resolvedEntry(key, held, this.#resolve);
  }

  #deadline({ timeoutMs = this.#timeoutMs, signal }: CallSettings): Deadline {
    return new Deadline(timeoutMs, signal);
  }

  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw explainFailure(error);
    }
  }
}

function headersWith(token: PairDbOptions["token"]): () => Promise<Record<string, string>> {
  return async () => {
    if (token === undefined) return {};
    return { authorization: `Bearer ${typeof token === "string" ? token : await token()}` };
  };
}
