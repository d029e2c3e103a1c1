/** What happens in the ring, as metrics and log lines. */
import { endpointText } from "../base/ip-address.ts";
import type { Endpoint } from "../gossip/endpoint.ts";
import type { Member } from "../gossip/member.ts";
import type { GossipObserver, GossipRefusal, MessageLabel } from "../gossip/observer.ts";
import type { SeedObserver } from "../gossip/seed-joiner.ts";
import type { Clock } from "../platform/clock.ts";
import type { RingEventReport, RingReport } from "../rpc/admin/sources.ts";
import type { OtherMembers } from "./health/checks.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";

/** The member as it is now; undefined before it has started, and where there is no gossip. */
interface ObservedRing {
  readonly members: readonly Member[];
  readonly healthScore: number;
  /** Seeds are named that do not answer. */
  readonly hasSilentSeeds: boolean;
}

/** What goes on and on is told once in this time for each member. */
const repeatAfterMs = 60_000;
const maxRemembered = 1000;
const maxEvents = 100;

export class GossipTelemetry implements GossipObserver, SeedObserver {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #messages;
  readonly #durations;
  readonly #refused;
  readonly #refuted;
  readonly #toldAtMs = new Map<string, number>();
  readonly #events: RingEventReport[] = [];
  #ring: () => ObservedRing | undefined = () => undefined;

  constructor(instruments: Instruments, logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#messages = instruments.counter("gossip_messages_total", "Messages of the ring", [
      "type",
      "direction",
    ]);
    this.#durations = instruments.shortDurations(
      "gossip_messages_duration_seconds",
      "Time of packets of the ring",
    );
    this.#refused = instruments.counter("gossip_refused_total", "What was dropped of what came", ["reason"]);
    this.#refuted = instruments.counter(
      "gossip_refuted_total",
      "How often others took this node for dead or suspect",
    );
    instruments.gauge(
      "gossip_members_total",
      "Members that are known and have not left, this node among them",
      (gauge) => gauge.set(this.#count((member) => member.state !== "left")),
    );
    instruments.gauge("gossip_members_healthy", "Members that are alive, this node among them", (gauge) =>
      gauge.set(this.#count((member) => member.state === "alive")),
    );
    instruments.gauge(
      "gossip_health_score",
      "How unwell this node takes itself to be, from 0 to 7",
      (gauge) => gauge.set(this.#ring()?.healthScore ?? 0),
    );
  }

  observe(ring: () => ObservedRing): void {
    this.#ring = ring;
  }

  /** The ring as this node sees it, and the last 100 events. */
  report(): RingReport {
    const members = [...(this.#ring()?.members ?? [])].map((member) => ({
      name: member.name,
      address: endpointText(member),
      state: member.state,
      incarnation: member.incarnation,
      meta: member.meta,
    }));
    return { members, recentEvents: [...this.#events] };
  }

  /** Undefined before the node has joined, and where there is no gossip. */
  otherMembers(): OtherMembers | undefined {
    const ring = this.#ring();
    if (ring === undefined) return undefined;
    return {
      aliveCount: this.#count(({ state }) => state === "alive") - 1,
      lostCount: this.#count(({ state }) => state === "suspect" || state === "dead"),
      hasSilentSeeds: ring.hasSilentSeeds,
    };
  }

  packetHandled(durationMs: number): void {
    this.#durations.observe(durationMs / 1000);
  }

  memberJoined(member: Member): void {
    this.#remember("joined", member);
    this.#logger.info("a member is in the ring", this.#fieldsOf(member));
  }

  memberUpdated(member: Member): void {
    this.#logger.debug("a member tells something new of itself", this.#fieldsOf(member));
  }

  memberSuspected(member: Member, accuser: string): void {
    this.#remember("suspected", member);
    this.#logger.info("a member is suspected", { ...this.#fieldsOf(member), accuser });
  }

  memberFailed(member: Member): void {
    this.#remember("failed", member);
    this.#logger.warn("a member has failed", this.#fieldsOf(member));
  }

  memberLeft(member: Member): void {
    this.#remember("left", member);
    this.#logger.info("a member has left", this.#fieldsOf(member));
  }

  nameTaken(member: Member, claimant: Endpoint): void {
    const fields = { ...this.#fieldsOf(member), claimant: endpointText(claimant) };
    if (!this.#isRepeated(`name ${member.name} ${fields.claimant}`)) {
      this.#logger.warn(
        "the name of a member is claimed from another address, which is not believed",
        fields,
      );
    }
  }

  packetsLost(member: Member): void {
    if (!this.#isRepeated(`packets ${member.name}`)) {
      this.#logger.warn("a member answers over TCP and not over UDP", this.#fieldsOf(member));
    }
  }

  refuted(incarnation: number): void {
    this.#refuted.inc();
    this.#logger.info("this node was taken for dead or suspect, and says that it is alive", { incarnation });
  }

  messageReceived(type: MessageLabel): void {
    this.#messages.inc({ type, direction: "received" });
  }

  messageSent(type: MessageLabel): void {
    this.#messages.inc({ type, direction: "sent" });
  }

  refused(reason: GossipRefusal, from: Endpoint | undefined): void {
    this.#refused.inc({ reason });
    const fields = { reason, from: from === undefined ? "unknown" : endpointText(from) };
    this.#logger.debug("gossip was dropped", fields);
  }

  joined(through: Endpoint, memberCount: number): void {
    this.#logger.info("joined a ring", { through: endpointText(through), members: memberCount });
  }

  seedFailed(seed: string, reason: string): void {
    this.#logger.warn("a seed cannot be joined", { seed, reason });
  }

  #count(counts: (member: Member) => boolean): number {
    return this.#ring()?.members.filter(counts).length ?? 0;
  }

  #remember(kind: string, member: Member): void {
    const atMs = this.#clock.nowMs();
    this.#events.push({ atMs, kind, member: member.name, address: endpointText(member) });
    if (this.#events.length > maxEvents) this.#events.shift();
  }

  #isRepeated(what: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const toldAtMs = this.#toldAtMs.get(what);
    if (toldAtMs !== undefined && nowMs - toldAtMs < repeatAfterMs) return true;
    if (this.#toldAtMs.size >= maxRemembered) this.#toldAtMs.clear();
    this.#toldAtMs.set(what, nowMs);
    return false;
  }

  #fieldsOf(member: Member) {
    const { name, incarnation } = member;
    return { member: name, address: endpointText(member), incarnation };
  }
}
