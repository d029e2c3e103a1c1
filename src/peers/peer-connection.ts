/**
 * A peer over gRPC. After a failure that may be the connection's, the next call looks anew where the peer is, whether it
 * may be called there, and what to show it: so a peer that moved is found again, and one that must not be called is not.
 *
 * Calls may run side by side; they share one connection.
 */
import type { CallOptions, Client } from "@connectrpc/connect";
import { StorageError } from "../base/errors.ts";
import type { StorageNodeService } from "../gen/storage/storage_node_pb.ts";
import {
  isUnimplemented,
  type Peer,
  type PeerCallOptions,
  type ReplicatedRecord,
  type WriteOutcome,
} from "../migration/peer.ts";
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
            service.batchWrite({ entries, replicated: true }, callOptions),
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

  close(): void {
    this.#isClosed = true;
    this.#drop(this.#channel);
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
      signal.throwIfAborted();
      if (isOfConnection(error)) this.#drop(channel);
      throw peerFailure(error, this.#name, method);
    }
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
