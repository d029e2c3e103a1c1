/**
 * A ring of members on a network in memory, with loss, delay and partitions: all in virtual time, so that a seed repeats
 * a run.
 */
import type { Endpoint } from "../../../src/gossip/endpoint.ts";
import {
  type Conversation,
  type GossipDelegate,
  type GossipTransport,
  noAnswer,
  refusalTexts,
} from "../../../src/gossip/environment.ts";
import { GossipNode, type GossipNodeSettings } from "../../../src/gossip/gossip-node.ts";
import { isGone, type Member, type MemberState } from "../../../src/gossip/member.ts";
import type { GossipObserver } from "../../../src/gossip/observer.ts";
import { defaultLimits, defaultTiming } from "../../../src/gossip/settings.ts";
import { type Random, seededRandom } from "../../../src/platform/random.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** One thing that a member told its observer. */
export interface RingEvent {
  readonly atMs: number;
  readonly by: string;
  readonly kind: keyof GossipObserver;
  /** The member that it is about, or what else it tells. */
  readonly about: string;
}

export interface VirtualMember {
  readonly node: GossipNode;
  readonly endpoint: Endpoint;
  isUp: boolean;
  sentPackets: number;
  /** Messages of the application, and states of others'. */
  readonly received: Uint8Array[];
}

type MemberOptions = Partial<Omit<GossipNodeSettings, "address" | "name">>;

export class VirtualRing {
  readonly clock = new VirtualClock();
  readonly members = new Map<string, VirtualMember>();
  readonly events: RingEvent[] = [];
  /** Of the longest packet. */
  maxPacketBytes = 0;
  /** Of packets; streams retransmit. */
  lossShare = 0;
  maxDelayMs = 2;
  /** Whether a datagram or a connection comes through. */
  isConnected: (from: string, to: string) => boolean = () => true;
  /** Sees every packet before it is lost or delivered. */
  tap: (from: string, packet: Uint8Array, to: Endpoint) => void = () => undefined;
  readonly #random: Random;
  readonly #byEndpoint = new Map<string, string>();
  #count = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A member that has started and knows nobody yet; at the address of the one that had its name before, if any. */
  add(name: string, options: MemberOptions = {}, endpoint = this.#endpointOf(name)): VirtualMember {
    const received: Uint8Array[] = [];
    const settings: GossipNodeSettings = {
      name,
      ...endpoint,
      meta: new Uint8Array(0),
      delegateVersions: [0, 0, 0],
      label: "",
      keyring: undefined,
      compresses: false,
      timing: defaultTiming,
      limits: defaultLimits,
      ...options,
    };
    const node = new GossipNode(settings, {
      clock: this.clock,
      random: this.#random,
      transport: this.#transportOf(name),
      observer: this.#observerOf(name),
      delegate: delegateInto(received),
    });
    const member: VirtualMember = { node, endpoint, isUp: true, sentPackets: 0, received };
    this.members.set(name, member);
    this.#byEndpoint.set(keyOf(endpoint), name);
    node.start();
    return member;
  }

  /** A ring of `member-0`, …, each joined by the first. */
  addMany(count: number, options: MemberOptions = {}): void {
    for (let i = 0; i < count; i++) {
      this.add(`member-${i}`, options);
      if (i > 0) this.join(`member-${i}`, "member-0");
    }
  }

  get(name: string): VirtualMember {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  }

  join(name: string, to: string, ended: (failure: string | undefined) => void = () => undefined): void {
    this.get(name).node.join(this.get(to).endpoint, ended);
  }

  /** Ends a member without a word. */
  crash(name: string): void {
    const member = this.get(name);
    member.isUp = false;
    member.node.stop();
  }

  /** How `by` sees a member. */
  stateOf(by: string, name: string): MemberState | undefined {
    return this.get(by).node.member(name)?.state;
  }

  get up(): VirtualMember[] {
    return [...this.members.values()].filter((member) => member.isUp);
  }

  /** Whether each member that is up sees all that are up alive, and all others dead, gone or not at all. */
  isConverged(): boolean {
    const expected = this.up.length;
    return this.up.every(({ node }) => {
      let aliveCount = 0;
      for (const member of node.members) {
        if (!isGone(member) && !this.get(member.name).isUp) return false;
        if (member.state === "alive") aliveCount++;
      }
      return aliveCount === expected;
    });
  }

  eventsOf(kind: keyof GossipObserver, about?: string): RingEvent[] {
    return this.events.filter(
      (event) => event.kind === kind && (about === undefined || event.about === about),
    );
  }

  #endpointOf(name: string): Endpoint {
    const known = this.members.get(name)?.endpoint;
    if (known !== undefined) return known;
    const number = this.#count++;
    return { address: Uint8Array.of(10, 0, number >> 8, number & 0xff), port: 7946 };
  }

  #transportOf(from: string): GossipTransport {
    return {
      sendPacket: (to, packet) => {
        const sender = this.get(from);
        sender.sentPackets++;
        this.maxPacketBytes = Math.max(this.maxPacketBytes, packet.length);
        this.tap(from, packet, to);
        if (this.#share() < this.lossShare) return;
        this.#deliver(from, to, (target) => target.node.receivePacket(sender.endpoint, packet));
      },
      converse: (conversation) => this.#converse(from, conversation),
    };
  }

  #converse(from: string, { to, request, reader, timeoutMs, ended }: Conversation): void {
    const timeout = this.clock.after(timeoutMs, () =>
      ended({ kind: "failure", reason: "no answer in time" }),
    );
    const end: Conversation["ended"] = (answer) => {
      timeout.cancel();
      ended(answer);
    };
    const { endpoint } = this.get(from);
    this.#deliver(from, to, (target) => {
      const message = target.node.streamReader().push(request) ?? "malformed";
      const answer = target.node.answerStream(endpoint, message);
      if (answer === undefined) {
        end({ kind: "failure", reason: noAnswer });
        return;
      }
      this.#deliver(this.#byEndpoint.get(keyOf(to)) ?? "", endpoint, () => {
        const read = reader.push(answer) ?? "malformed";
        end(typeof read === "string" ? { kind: "failure", reason: refusalTexts[read] } : read);
      });
    });
  }

  #deliver(from: string, to: Endpoint, arrive: (target: VirtualMember) => void): void {
    this.clock.after(0.1 + this.#share() * this.maxDelayMs, () => {
      const name = this.#byEndpoint.get(keyOf(to));
      const target = name === undefined ? undefined : this.members.get(name);
      if (name !== undefined && target?.isUp === true && this.isConnected(from, name)) arrive(target);
    });
  }

  #share(): number {
    return this.#random.uint32() / 2 ** 32;
  }

  #observerOf(by: string): GossipObserver {
    const note = (kind: keyof GossipObserver, about: string) => {
      this.events.push({ atMs: this.clock.monotonicMs(), by, kind, about });
    };
    const noteMember = (kind: keyof GossipObserver) => (member: Member) => note(kind, member.name);
    return {
      memberJoined: noteMember("memberJoined"),
      memberUpdated: noteMember("memberUpdated"),
      memberSuspected: noteMember("memberSuspected"),
      memberFailed: noteMember("memberFailed"),
      memberLeft: noteMember("memberLeft"),
      nameTaken: noteMember("nameTaken"),
      packetsLost: noteMember("packetsLost"),
      refuted: (incarnation) => note("refuted", String(incarnation)),
      refused: (refusal) => note("refused", refusal),
      messageReceived: () => undefined,
      messageSent: () => undefined,
    };
  }
}

function keyOf({ address, port }: Endpoint): string {
  return `${Buffer.from(address).toString("latin1")}:${port}`;
}

function delegateInto(received: Uint8Array[]): GossipDelegate {
  return {
    localState: () => new Uint8Array(0),
    mergeRemoteState: (state) => received.push(state),
    messageReceived: (message) => received.push(message),
  };
}
