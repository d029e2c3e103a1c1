/**
 * A member of a ring that speaks HashiCorp memberlist's protocol: a state machine to which packets, streams and time
 * come, and which answers through its environment.
 *
 *   packets ──► envelope ──► pings, acknowledgements ──► prober
 *                       └──► alive, suspect, dead ──► membership ──► broadcast queue ──► what is sent next
 *   streams ──► push/pull ──► membership
 *
 * Invariants:
 * 1. Nothing that a peer sends makes it throw, or grow beyond its limits.
 * 2. Without a key of the ring nothing is believed and nothing is answered, but that a stream is not sealed.
 * 3. After `stop` it sends nothing of its own accord.
 */
import { StorageError } from "../base/errors.ts";
import { Awareness } from "./awareness.ts";
import { BroadcastQueue } from "./broadcast-queue.ts";
import { type Endpoint, isAddress } from "./endpoint.ts";
import { type GossipEnvironment, refusalTexts } from "./environment.ts";
import { sayGoodbye } from "./goodbye.ts";
import type { Member } from "./member.ts";
import { Membership } from "./membership.ts";
import { PacketSender, packetRoomBytes } from "./packet-sender.ts";
import { Prober } from "./prober.ts";
import { type DelegateVersions, type GossipLimits, type GossipTiming, versionsOf } from "./settings.ts";
import { StateExchange } from "./state-exchange.ts";
import { StreamFactory } from "./stream-factory.ts";
import { Timers } from "./timers.ts";
import { Envelope, type EnvelopeSettings, partHeaderBytes, type Refusal } from "./wire/envelope.ts";
import {
  decodeMessage,
  encodeMessage,
  type Message,
  maxMetaBytes,
  messageTypes,
  type Ping,
} from "./wire/messages.ts";
import type { StreamMessage } from "./wire/stream-messages.ts";
import type { StreamReader } from "./wire/stream-reader.ts";
import { maxNameBytes } from "./wire/structure.ts";

export interface GossipNodeSettings extends EnvelopeSettings, Endpoint {
  /** Unique in the ring. */
  readonly name: string;
  /** What others learn of this member, at most 512 bytes. */
  readonly meta: Uint8Array;
  readonly delegateVersions: DelegateVersions;
  readonly timing: GossipTiming;
  readonly limits: GossipLimits;
}

export class GossipNode {
  readonly #settings: GossipNodeSettings;
  readonly #environment: GossipEnvironment;
  readonly #envelope: Envelope;
  readonly #timers: Timers;
  readonly #awareness: Awareness;
  readonly #membership: Membership;
  readonly #sender: PacketSender;
  readonly #streams: StreamFactory;
  readonly #prober: Prober;
  readonly #exchange: StateExchange;

  /** INVALID_ARGUMENT for a name, metadata or versions that no member may have. */
  constructor(settings: GossipNodeSettings, environment: GossipEnvironment) {
    checkName(settings.name);
    checkMeta(settings.meta);
    const { name, address, port, meta, timing, limits } = settings;
    this.#settings = settings;
    this.#environment = environment;
    this.#envelope = new Envelope(settings);
    this.#timers = new Timers(environment.clock);
    this.#awareness = new Awareness(timing.awarenessMaxMultiplier);
    const maxMessageBytes = packetRoomBytes(limits.packetBytes, this.#envelope) - partHeaderBytes;
    const broadcasts = new BroadcastQueue(maxMessageBytes);
    const shared = { timing, limits, environment, timers: this.#timers, awareness: this.#awareness };
    const identity = { name, address, port, meta, versions: versionsOf(settings.delegateVersions) };
    this.#membership = new Membership({ ...shared, identity, broadcasts });
    this.#sender = new PacketSender({
      envelope: this.#envelope,
      packetBytes: limits.packetBytes,
      retransmitMultiplier: timing.retransmitMultiplier,
      environment,
      broadcasts,
      memberCount: () => this.#membership.list.size,
    });
    this.#streams = new StreamFactory(this.#envelope, limits);
    const parts = { ...shared, membership: this.#membership, sender: this.#sender, streams: this.#streams };
    this.#prober = new Prober(parts);
    this.#exchange = new StateExchange(parts);
  }

  get self(): Member {
    return this.#membership.self;
  }

  /** All that are known, this one among them, in no order; the dead ones too, until they are forgotten. */
  get members(): Member[] {
    return [...this.#membership.list];
  }

  member(name: string): Member | undefined {
    return this.#membership.list.get(name);
  }

  /** How unwell this member takes itself to be; 0 is well. */
  get healthScore(): number {
    return this.#awareness.score;
  }

  /** Begins to probe and to gossip. */
  start(): void {
    const { timing } = this.#settings;
    const { random } = this.#environment;
    this.#timers.every(
      () => timing.probeIntervalMs,
      random,
      () => this.#prober.tick(),
    );
    this.#timers.every(
      () => timing.gossipIntervalMs,
      random,
      () => this.#gossip(),
    );
    this.#timers.every(
      () => this.#exchange.intervalMs,
      random,
      () => this.#exchange.tick(),
    );
  }

  stop(): void {
    this.#timers.stop();
  }

  /** Joins the ring of whoever listens there; `ended` gets why that failed, or `undefined`. */
  join(to: Endpoint, ended: (failure: string | undefined) => void): void {
    this.#exchange.exchange(to, true, ended);
  }

  /**
   * Says goodbye; `ended` once that has been sent as often as it should be, or after `timeoutMs`. It goes on to answer
   * until it is stopped, and cannot come back: that takes a new one.
   */
  leave(timeoutMs: number, ended: () => void): void {
    const parts = {
      membership: this.#membership,
      exchange: this.#exchange,
      timers: this.#timers,
      gossip: () => this.#gossip(),
      fanout: this.#settings.timing.gossipFanout,
    };
    sayGoodbye(parts, timeoutMs, ended);
  }

  /** Tells the ring something new of this member, at once. */
  updateMeta(meta: Uint8Array): void {
    checkMeta(meta);
    this.#membership.announce(meta);
    this.#gossip();
  }

  receivePacket(from: Endpoint, packet: Uint8Array): void {
    const messages = this.#envelope.unwrapPacket(packet);
    if (typeof messages === "string") {
      this.#environment.observer.refused(messages, from);
      return;
    }
    for (const message of messages) this.#receive(from, message);
  }

  /** For what a peer that dialled us sends. */
  streamReader(): StreamReader {
    return this.#streams.reader();
  }

  /** What to answer to what a stream brought; `undefined` for nothing. The connection is closed then. */
  answerStream(from: Endpoint, message: StreamMessage | Refusal): Uint8Array | undefined {
    const { observer, delegate } = this.#environment;
    if (typeof message === "string") {
      observer.refused(message, from);
      if (message !== "key") return undefined;
      return this.#streams.answer(encodeMessage("error", { message: refusalTexts[message] }));
    }
    if (message.kind === "pushPull") {
      // The answer is what we knew before.
      const answer = this.#streams.answer(this.#exchange.encodeState(message.body.isJoin));
      this.#exchange.merge(message.body, from);
      return answer;
    }
    observer.messageReceived(message.kind);
    if (message.kind === "user") delegate.messageReceived(message.body);
    if (message.kind !== "ping" || !this.#isMeant(message.body)) return undefined;
    return this.#streams.answer(
      encodeMessage("ack", { payload: new Uint8Array(0), sequence: message.body.sequence }),
    );
  }

  #receive(from: Endpoint, bytes: Uint8Array): void {
    const { observer, delegate } = this.#environment;
    if (bytes[0] === messageTypes.user) {
      observer.messageReceived("user");
      delegate.messageReceived(bytes.subarray(1));
      return;
    }
    const message = decodeMessage(bytes);
    if (typeof message === "string") {
      observer.refused("malformed", from);
      return;
    }
    observer.messageReceived(message.kind);
    this.#dispatch(from, message);
  }

  #dispatch(from: Endpoint, message: Message): void {
    switch (message.kind) {
      case "ping":
        if (this.#isMeant(message.body)) this.#answerPing(from, message.body);
        return;
      case "indirectPing":
        if (isAddress(message.body.address)) this.#prober.relay(message.body, sourceOf(message.body, from));
        return;
      case "ack":
        this.#prober.acknowledge(message.body.sequence);
        return;
      case "nack":
        this.#prober.deny(message.body.sequence);
        return;
      case "alive":
        this.#membership.alive(message.body, from);
        return;
      case "suspect":
        this.#membership.suspect(message.body);
        return;
      case "dead":
        this.#membership.dead(message.body);
        return;
      case "error":
        this.#environment.observer.refused("unsupported", from);
    }
  }

  #answerPing(from: Endpoint, ping: Ping): void {
    this.#sender.send(sourceOf(ping, from), "ack", { payload: new Uint8Array(0), sequence: ping.sequence });
  }

  /** A ping for another name was meant for a member that was here before. */
  #isMeant(ping: Ping): boolean {
    return ping.name === "" || ping.name === this.#settings.name;
  }

  /** News to some members, dead ones among them: who is falsely dead can refute. */
  #gossip(): void {
    const { gossipFanout, gossipToTheDeadMs } = this.#settings.timing;
    const sinceMs = this.#timers.monotonicMs() - gossipToTheDeadMs;
    const { self } = this;
    const targets = this.#membership.list.sample(gossipFanout, (member) => {
      if (member === self || member.state === "left") return false;
      return member.state !== "dead" || member.stateSinceMs >= sinceMs;
    });
    for (const target of targets) if (!this.#sender.gossip(target)) return;
  }
}

/** Where to answer: to where the sender says it listens, or to where the packet came from. */
function sourceOf(ping: Pick<Ping, "sourceAddress" | "sourcePort">, from: Endpoint): Endpoint {
  if (!isAddress(ping.sourceAddress) || ping.sourcePort === 0) return from;
  return { address: ping.sourceAddress, port: ping.sourcePort };
}

function checkName(name: string): void {
  const length = Buffer.byteLength(name);
  if (length === 0 || length > maxNameBytes) {
    const message = `the name of a member has ${length} bytes; allowed are 1 to ${maxNameBytes}`;
    throw new StorageError("INVALID_ARGUMENT", message);
  }
}

function checkMeta(meta: Uint8Array): void {
  if (meta.length > maxMetaBytes) {
    const message = `the metadata of a member has ${meta.length} bytes; allowed are ${maxMetaBytes} at most`;
    throw new StorageError("INVALID_ARGUMENT", message);
  }
}
