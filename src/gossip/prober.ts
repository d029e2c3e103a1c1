/**
 * Looks whether members still answer (SWIM, with Lifeguard's local health).
 *
 *   each interval   ping the next member
 *   no answer in the timeout   ask some others to ping it, and ping it over TCP meanwhile
 *   none by the end of the interval   it is suspected
 *
 * The interval grows while this member is unwell; one probe at a time.
 */
import { Acknowledgements } from "./acknowledgements.ts";
import type { Awareness } from "./awareness.ts";
import type { Endpoint } from "./endpoint.ts";
import type { GossipEnvironment } from "./environment.ts";
import { featureVersions, isGone, type Member, understands } from "./member.ts";
import type { Membership } from "./membership.ts";
import type { PacketSender } from "./packet-sender.ts";
import type { GossipTiming } from "./settings.ts";
import type { StreamFactory } from "./stream-factory.ts";
import type { Timers } from "./timers.ts";
import { encodeMessage, type IndirectPing, type Ping } from "./wire/messages.ts";

interface Probe {
  readonly target: Member;
  /** Of the target, when the probe began. */
  readonly incarnation: number;
  readonly sequence: number;
  readonly endsAtMs: number;
  expectedDenials: number;
  denials: number;
  isAnsweredByStream: boolean;
}

export interface ProberParts {
  readonly timing: GossipTiming;
  readonly environment: GossipEnvironment;
  readonly timers: Timers;
  readonly awareness: Awareness;
  readonly membership: Membership;
  readonly sender: PacketSender;
  readonly streams: StreamFactory;
}

export class Prober {
  readonly #parts: ProberParts;
  readonly #acknowledgements: Acknowledgements;
  #probe: Probe | undefined;
  /** A tick came while a probe ran. */
  #isLate = false;

  constructor(parts: ProberParts) {
    this.#parts = parts;
    this.#acknowledgements = new Acknowledgements(parts.timers);
  }

  /** Once each interval. */
  tick(): void {
    if (this.#probe !== undefined) {
      this.#isLate = true;
      return;
    }
    const { membership } = this.#parts;
    const { self } = membership;
    const target = membership.list.nextWhere(
      (member) => member !== self && !isGone(member),
      () => membership.reap(),
    );
    if (target !== undefined) this.#begin(target);
  }

  acknowledge(sequence: number): void {
    this.#acknowledgements.acknowledge(sequence);
  }

  deny(sequence: number): void {
    this.#acknowledgements.deny(sequence);
  }

  /** Pings for another member, and tells it what came of that. */
  relay(request: IndirectPing, requester: Endpoint): void {
    if (!this.#acknowledgements.hasRoom) return;
    const { sender, membership, timing } = this.#parts;
    const sequence = this.#acknowledgements.expect(timing.probeTimeoutMs, {
      acknowledged: () =>
        sender.send(requester, "ack", { payload: new Uint8Array(0), sequence: request.sequence }),
      timedOut: () => {
        if (request.wantsNack) sender.send(requester, "nack", { sequence: request.sequence });
      },
    });
    const port = request.port === 0 ? membership.self.port : request.port;
    sender.send({ address: request.address, port }, "ping", this.#pingOf(request.name, sequence));
  }

  #begin(target: Member): void {
    const { timing, timers, awareness, sender } = this.#parts;
    const durationMs = awareness.scale(timing.probeIntervalMs);
    const waiting = timers.after(timing.probeTimeoutMs, () => this.#askOthers(probe));
    const sequence = this.#acknowledgements.expect(durationMs, {
      acknowledged: () => {
        waiting.cancel();
        this.#end(probe, -1);
      },
      denied: () => {
        probe.denials++;
      },
      timedOut: () => this.#conclude(probe),
    });
    const probe: Probe = {
      target,
      incarnation: target.incarnation,
      sequence,
      endsAtMs: timers.monotonicMs() + durationMs,
      expectedDenials: 0,
      denials: 0,
      isAnsweredByStream: false,
    };
    this.#probe = probe;
    const ping = this.#pingOf(target.name, sequence);
    if (target.state === "suspect") this.#pingSuspect(target, ping);
    else sender.send(target, "ping", ping);
  }

  /** With the ping comes what it is suspected of, so that it can refute at once. */
  #pingSuspect(target: Member, ping: Ping): void {
    const { sender, membership, environment } = this.#parts;
    const { name, incarnation } = target;
    environment.observer.messageSent("ping");
    environment.observer.messageSent("suspect");
    const accusation = encodeMessage("suspect", { name, incarnation, from: membership.self.name });
    sender.sendAlone(target, [encodeMessage("ping", ping), accusation]);
  }

  #askOthers(probe: Probe): void {
    const { membership, sender, timing } = this.#parts;
    const { self } = membership;
    const { target, sequence } = probe;
    const helpers = membership.list.sample(
      timing.indirectProbes,
      (member) => member.state === "alive" && member !== self && member !== target,
    );
    for (const helper of helpers) {
      const wantsNack = understands(helper, featureVersions.nack);
      if (wantsNack) probe.expectedDenials++;
      const { address, port } = target;
      sender.send(helper, "indirectPing", {
        ...this.#pingOf(target.name, sequence),
        wantsNack,
        address,
        port,
      });
    }
    if (understands(target, featureVersions.streamPing)) this.#pingByStream(probe);
  }

  #pingByStream(probe: Probe): void {
    const { streams, environment, timers } = this.#parts;
    const request = encodeMessage("ping", this.#pingOf(probe.target.name, probe.sequence));
    environment.transport.converse({
      ...streams.request(probe.target, request),
      timeoutMs: probe.endsAtMs - timers.monotonicMs(),
      ended: (answer) => {
        if (answer.kind === "ack") probe.isAnsweredByStream = answer.body.sequence === probe.sequence;
      },
    });
  }

  /** Nobody has heard of the target by the end. */
  #conclude(probe: Probe): void {
    const { environment, membership } = this.#parts;
    if (probe.isAnsweredByStream) {
      environment.observer.packetsLost(probe.target);
      this.#end(probe, -1);
      return;
    }
    const { name } = probe.target;
    membership.suspect({ name, incarnation: probe.incarnation, from: membership.self.name });
    // Helpers that were silent too hint at this member's own network.
    this.#end(probe, probe.expectedDenials > 0 ? probe.expectedDenials - probe.denials : 1);
  }

  #end(probe: Probe, awarenessDelta: number): void {
    this.#parts.awareness.apply(awarenessDelta);
    if (this.#probe !== probe) return;
    this.#probe = undefined;
    const isLate = this.#isLate;
    this.#isLate = false;
    if (isLate) this.tick();
  }

  #pingOf(name: string, sequence: number): Ping {
    const { self } = this.#parts.membership;
    return { name, sequence, sourceAddress: self.address, sourceName: self.name, sourcePort: self.port };
  }
}
