/** A member with its place on the network and its seeds: an application opens it, lets it join, and has it leave. */
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { Resolver } from "../platform/resolver.ts";
import type { GossipDelegate } from "./environment.ts";
import { GossipNode, type GossipNodeSettings } from "./gossip-node.ts";
import type { Member } from "./member.ts";
import { NetworkTransport } from "./network/network-transport.ts";
import type { GossipObserver } from "./observer.ts";
import { SeedJoiner, type SeedObserver } from "./seed-joiner.ts";

export interface RingMemberOptions {
  /** `port` 0 takes any that is free. */
  readonly settings: GossipNodeSettings;
  /** The address to listen on, in text; others are told `settings.address`. */
  readonly host: string;
  readonly seeds: readonly string[];
  /** Of seeds that name none. */
  readonly seedPort: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly resolve: Resolver;
  readonly observer: GossipObserver & SeedObserver;
  readonly delegate: GossipDelegate;
  /** How long a packet took to handle. */
  readonly packetHandled: (durationMs: number) => void;
}

export class RingMember {
  readonly node: GossipNode;
  readonly #transport: NetworkTransport;
  readonly #joiner: SeedJoiner;
  readonly #options: RingMemberOptions;
  #hasJoined = false;
  #isClosed = false;

  private constructor(options: RingMemberOptions, transport: NetworkTransport) {
    this.#options = options;
    this.#transport = transport;
    this.node = new GossipNode({ ...options.settings, port: transport.port }, { ...options, transport });
    this.#joiner = new SeedJoiner({ ...options, defaultPort: options.seedPort, node: this.node });
  }

  /**
   * Takes the port, and answers nobody yet. UNAVAILABLE where it cannot be had, INVALID_ARGUMENT for what no member may
   * have.
   */
  static async open(options: RingMemberOptions): Promise<RingMember> {
    const { host, clock, settings } = options;
    const { streamTimeoutMs } = settings.timing;
    const transport = await NetworkTransport.open({ host, port: settings.port, clock, streamTimeoutMs });
    try {
      return new RingMember(options, transport);
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  /** Says what the member is, answers, and joins in the background. */
  join(meta: Uint8Array): void {
    if (this.#isClosed) return;
    this.#hasJoined = true;
    this.node.updateMeta(meta);
    this.#transport.attach(timed(this.node, this.#options.clock, this.#options.packetHandled));
    this.node.start();
    void this.#joiner.start();
  }

  get members(): readonly Member[] {
    return this.node.members;
  }

  get hasSilentSeeds(): boolean {
    return this.#joiner.hasSilentSeeds;
  }

  /** Says goodbye, so that others see no failure, and closes. */
  async leave(timeoutMs: number): Promise<void> {
    this.#joiner.stop();
    if (this.#hasJoined) await new Promise<void>((resolve) => this.node.leave(timeoutMs, resolve));
    this.close();
  }

  /** Ends without a word. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#joiner.stop();
    this.node.stop();
    this.#transport.close();
  }
}

function timed(
  node: GossipNode,
  clock: Clock,
  handled: (durationMs: number) => void,
): Pick<GossipNode, "receivePacket" | "streamReader" | "answerStream"> {
  return {
    receivePacket: (from, packet) => {
      const startMs = clock.monotonicMs();
      node.receivePacket(from, packet);
      handled(clock.monotonicMs() - startMs);
    },
    streamReader: () => node.streamReader(),
    answerStream: (from, message) => node.answerStream(from, message),
  };
}
