/**
 * Brings keys from one node to another: all versions of each are read there and written here as another replica's, so the
 * conflict rule of the receiving node decides, and nothing newer is lost. To copy a key twice changes nothing.
 */
import { StorageError } from "../../base/errors.ts";
import type { KeyValueEntry } from "../../gen/storage/storage_node_pb.ts";
import { BoundedWrites } from "../bounded-writes.ts";
import { explainCallFailure, type NodeConnection } from "../client.ts";
import { withTries } from "./tries.ts";

/** Far below what nodes allow by default; one that allows less gets them in halves. */
const batchKeys = 100;
const maxEntries = 200;
const maxEntryBytes = 4 * 1024 * 1024;
const bounds = { maxInFlight: 4, maxInFlightBytes: Number.MAX_SAFE_INTEGER };

export class KeyCopier {
  /** Keys whose versions this node has been told. */
  copiedCount = 0;
  /** Keys that the other node did not hold any more when it was asked. */
  goneCount = 0;
  readonly #from: NodeConnection;
  readonly #to: NodeConnection;
  readonly #copies = new BoundedWrites(bounds);
  #tenantId = "";
  #keys: string[] = [];
  #failure: unknown;

  constructor(from: NodeConnection, to: NodeConnection) {
    this.#from = from;
    this.#to = to;
  }

  /** Resolves when there is room for the next key; rejects once a copy has failed. */
  async copy(tenantId: string, key: string): Promise<void> {
    if (tenantId !== this.#tenantId) await this.#start();
    this.#tenantId = tenantId;
    this.#keys.push(key);
    if (this.#keys.length === batchKeys) await this.#start();
  }

  /** Resolves when everything is durable. */
  async finish(): Promise<void> {
    await this.#start();
    await this.#copies.whenIdle();
    this.#throwFailure();
  }

  async #start(): Promise<void> {
    const keys = this.#keys;
    const tenantId = this.#tenantId;
    this.#keys = [];
    if (keys.length > 0) {
      await this.#copies.start(`${tenantId}:${keys[0]}`, 0, () => this.#copyBatch(tenantId, keys));
    }
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Does not reject, as `BoundedWrites` demands. */
  async #copyBatch(tenantId: string, keys: readonly string[]): Promise<void> {
    try {
      await inHalves(
        this.#from,
        keys,
        (part) => this.#from.service.batchRead({ tenantId, keys: [...part], replicated: true }),
        ({ results }) => this.#write(results.map(({ siblings }) => siblings)),
      );
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** The versions of each key. */
  async #write(records: readonly KeyValueEntry[][]): Promise<void> {
    for (const part of partsOf(records.flat())) {
      await inHalves(this.#to, part, (entries) =>
        this.#to.service.batchWrite({ entries: [...entries], replicated: true }),
      );
    }
    const heldCount = records.filter((versions) => versions.length > 0).length;
    this.copiedCount += heldCount;
    this.goneCount += records.length - heldCount;
  }
}

/**
 * Runs a call for all items; where the node finds them too many or too large, for each half of them. `take` gets each
 * answer; what it throws has nothing to do with this node, and neither the call nor its halves are tried again for it.
 */
async function inHalves<T, Answer>(
  connection: NodeConnection,
  items: readonly T[],
  call: (items: readonly T[]) => Promise<Answer>,
  take: (answer: Answer) => Promise<void> = async () => undefined,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await withTries(connection, () => call(items));
  } catch (failure) {
    const error = explainCallFailure(failure, connection.address);
    if (items.length < 2 || !isTooMuch(error)) throw error;
    const middle = Math.ceil(items.length / 2);
    await inHalves(connection, items.slice(0, middle), call, take);
    await inHalves(connection, items.slice(middle), call, take);
    return;
  }
  await take(answer);
}

function isTooMuch(error: unknown): boolean {
  if (!(error instanceof StorageError)) return false;
  return error.code === "INVALID_ARGUMENT" || error.code === "RESOURCE_EXHAUSTED";
}

/** Entries in parts of bounded size; a single entry may be larger. */
function partsOf(entries: readonly KeyValueEntry[]): KeyValueEntry[][] {
  const parts: KeyValueEntry[][] = [];
  let part: KeyValueEntry[] = [];
  let partBytes = 0;
  for (const entry of entries) {
    const isFull = part.length === maxEntries || partBytes + entry.value.length > maxEntryBytes;
    if (part.length === 0 || isFull) {
      parts.push((part = []));
      partBytes = 0;
    }
    part.push(entry);
    partBytes += entry.value.length;
  }
  return parts;
}
