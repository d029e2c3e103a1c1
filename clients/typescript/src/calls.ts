/** Reads and writes of single keys, each a call of its own. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions, Client } from "@connectrpc/connect";
import { type Clock, clockToMessage } from "./clock.ts";
import {
  KeyValueEntrySchema,
  type ReadResponse,
  type StorageNodeService,
  type WriteResponse,
} from "./gen/storage/storage_node_pb.ts";
import { type Deadline, withRetries } from "./retry.ts";

/** A version on its way to the node; it is sent with this clock however often. */
export interface Change {
  readonly key: string;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
  readonly clock: Clock;
}

/** What is known of a change's end: the merged clock of what the key holds now. */
export type Written = Pick<WriteResponse, "updatedVectorClock">;

export interface Calls {
  read(key: string, deadline: Deadline): Promise<ReadResponse>;
  write(change: Change, deadline: Deadline): Promise<Written>;
}

/** A node and a tenant of it. */
export class NodeCalls implements Calls {
  readonly #service: Client<typeof StorageNodeService>;
  readonly #tenantId: string;
  readonly #headers: () => Promise<Record<string, string>>;

  constructor(
    service: Client<typeof StorageNodeService>,
    tenantId: string,
    headers: () => Promise<Record<string, string>>,
  ) {
    this.#service = service;
    this.#tenantId = tenantId;
    this.#headers = headers;
  }

  read(key: string, deadline: Deadline): Promise<ReadResponse> {
    const request = { tenantId: this.#tenantId, key, includeSiblings: true };
    return this.#call(deadline, (options) => this.#service.read(request, options));
  }

  write({ key, value, clock }: Change, deadline: Deadline): Promise<Written> {
    const request = { tenantId: this.#tenantId, key, vectorClock: clockToMessage(clock) };
    return this.#call<Written>(deadline, (options) =>
      value === undefined
        ? this.#service.delete(request, options)
        : this.#service.write({ ...request, value }, options),
    );
  }

  async readMany(keys: readonly string[], deadline: Deadline): Promise<ReadResponse[]> {
    const request = { tenantId: this.#tenantId, keys: [...keys], includeSiblings: true };
    return (await this.#call(deadline, (options) => this.#service.batchRead(request, options))).results;
  }

  /** All or none of them. */
  async writeMany(changes: readonly Change[], deadline: Deadline): Promise<Written[]> {
    const entries = changes.map((change) => this.#entryOf(change));
    return (await this.#call(deadline, (options) => this.#service.batchWrite({ entries }, options))).results;
  }

  /** Begins to stream; without a deadline of its own, since a scan takes as long as it takes. */
  async scan(request: ScanFrom, signal: AbortSignal) {
    const headers = await this.#headers();
    const options = { headers, signal, timeoutMs: 0 };
    return this.#service.scan({ ...request, tenantId: this.#tenantId }, options);
  }

  #call<T>(deadline: Deadline, send: (options: CallOptions) => Promise<T>): Promise<T> {
    return withRetries(deadline, async () =>
      send({ headers: await this.#headers(), ...deadline.callOptions() }),
    );
  }

  #entryOf({ key, value, clock }: Change) {
    return create(KeyValueEntrySchema, {
      tenantId: this.#tenantId,
      key,
      value: value ?? new Uint8Array(0),
      isTombstone: value === undefined,
      vectorClock: clockToMessage(clock),
    } satisfies MessageInitShape<typeof KeyValueEntrySchema>);
  }
}

/** A range, and where in it to go on. */
export interface ScanFrom {
  readonly startKey: string;
  readonly endKey: string;
  readonly prefix: string;
  readonly limit: number;
  readonly keysOnly: boolean;
  readonly resumeToken: Uint8Array;
}
