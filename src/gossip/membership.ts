/**
 * Who is in the ring: what is believed of what others say, by the rules of memberlist.
 *
 * Each member counts up its own incarnation; of two statements about it the one with the higher incarnation holds, and
 * at the same incarnation dead beats suspect beats alive. A member that is accused refutes with a higher incarnation.
 *
 *   alive ──suspect──► suspect ──timer, or dead──► dead ──gossipToTheDead──► forgotten
 *     ▲ ◄── alive, higher ──┘ ◄────── alive, higher ──┘
 *     └── dead from itself, in any state ──► left
 *
 * Invariants:
 * 1. This member is never suspect or dead in its own list; it has left only after `leave`.
 * 2. A member's address changes only when it has left, or has been dead for `deadReclaimMs`.
 * 3. What is passed on is valid: whole versions, an address, a name, an incarnation that can be refuted.
 * 4. There is a suspicion for every suspect, and for nobody else.
 */
import { compareBytes } from "../base/bytes.ts";
import type { Awareness } from "./awareness.ts";
import type { BroadcastQueue } from "./broadcast-queue.ts";
import { type Endpoint, isAddress, isSameEndpoint } from "./endpoint.ts";
import type { GossipEnvironment } from "./environment.ts";
import { hasValidVersions, isGone, type Member, type MutableMember, memberStates } from "./member.ts";
import { MemberList } from "./member-list.ts";
import type { GossipLimits, GossipTiming } from "./settings.ts";
import { Suspicion, suspicionTimeouts } from "./suspicion.ts";
import type { Timers } from "./timers.ts";
import { type Accusation, type Alive, encodeMessage, type PushPullMember } from "./wire/messages.ts";

/** What a member says of itself. */
export interface Identity extends Endpoint {
  readonly name: string;
  readonly meta: Uint8Array;
  readonly versions: Uint8Array;
}

/** Above it nothing could refute. */
const maxIncarnation = 2 ** 32 - 2;

export interface MembershipParts {
  readonly identity: Identity;
  readonly timing: GossipTiming;
  readonly limits: GossipLimits;
  readonly environment: GossipEnvironment;
  readonly timers: Timers;
  readonly awareness: Awareness;
  readonly broadcasts: BroadcastQueue;
}

export class Membership {
  readonly list: MemberList;
  readonly #parts: MembershipParts;
  readonly #suspicions = new Map<string, Suspicion>();
  #identity: Identity;
  #incarnation = 0;
  #isLeaving = false;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    this.#identity = parts.identity;
    this.list = new MemberList(parts.environment.random);
    this.announce(parts.identity.meta);
  }

  /** This member. */
  get self(): Member {
    return this.list.get(this.#identity.name)!;
  }

  get hasOthers(): boolean {
    for (const member of this.list) if (member.name !== this.#identity.name && !isGone(member)) return true;
    return false;
  }

  /** Tells everybody anew what this member says of itself. */
  announce(meta: Uint8Array): void {
    this.#identity = { ...this.#identity, meta };
    this.#incarnation++;
    const self = this.list.get(this.#identity.name);
    const isNew = self === undefined;
    const values = { ...this.#identity, incarnation: this.#incarnation };
    const member = isNew ? { ...values, state: "alive" as const, stateSinceMs: this.#nowMs() } : self;
    if (isNew) this.list.add(member);
    else Object.assign(member, values);
    this.#broadcastAlive(values);
    const { observer } = this.#parts.environment;
    if (isNew) observer.memberJoined(member);
    else observer.memberUpdated(member);
  }

  /** Tells everybody that this member goes; `done` once that was sent as often as it should be. */
  leave(done: () => void): void {
    this.#isLeaving = true;
    const { name } = this.#identity;
    this.#accept(this.list.get(name)!, { from: name, incarnation: this.#incarnation, name }, done);
  }

  /** Somebody is said to be alive. */
  alive(alive: Alive, from: Endpoint | undefined): void {
    const isSelf = alive.name === this.#identity.name;
    if ((isSelf && this.#isLeaving) || !this.#isValid(alive, from)) return;
    const member = this.list.get(alive.name) ?? this.#addUnknown(alive, from);
    if (member === undefined) return;
    const isMoved = !isSameEndpoint(member, alive);
    if (isMoved && !this.#mayMove(member)) {
      this.#parts.environment.observer.nameTaken(member, alive);
      return;
    }
    if (isSelf) this.#aboutSelf(alive);
    else if (isMoved || alive.incarnation > member.incarnation) this.#revive(member, alive);
  }

  /** Somebody is said not to answer. */
  suspect(accusation: Accusation): void {
    const member = this.#accused(accusation);
    if (member === undefined) return;
    const suspicion = this.#suspicions.get(member.name);
    if (suspicion !== undefined) {
      if (suspicion.confirm(accusation.from)) this.#broadcast("suspect", accusation);
      return;
    }
    if (member.state !== "alive") return;
    if (member.name === this.#identity.name) {
      this.#refute(accusation.incarnation);
      return;
    }
    this.#broadcast("suspect", accusation);
    this.#setState(member, "suspect");
    member.incarnation = accusation.incarnation;
    this.#startSuspicion(member, accusation.from);
    this.#parts.environment.observer.memberSuspected(member, accusation.from);
  }

  /** Somebody is said to be dead, or says itself that it goes. */
  dead(accusation: Accusation): void {
    const member = this.#accused(accusation);
    if (member === undefined) return;
    // Who was falsely taken for dead, and then says goodbye, has left.
    const isNews = !isGone(member) || (member.state === "dead" && isGoodbye(accusation));
    if (!isNews) return;
    if (member.name === this.#identity.name) this.#refute(accusation.incarnation);
    else this.#accept(member, accusation);
  }

  /** What another member has in its list: what it takes for dead is only suspected here. */
  merge(entry: PushPullMember, from: Endpoint | undefined): void {
    const state = memberStates[entry.state];
    const { name, incarnation } = entry;
    if (state === "alive") this.alive(entry, from);
    else if (state === "left") this.dead({ name, incarnation, from: name });
    else this.suspect({ name, incarnation, from: this.#identity.name });
  }

  /** Forgets those that have been gone for long enough. */
  reap(): void {
    const beforeMs = this.#nowMs() - this.#parts.timing.gossipToTheDeadMs;
    const { name } = this.#identity;
    this.list.removeWhere(
      (member) => isGone(member) && member.stateSinceMs < beforeMs && member.name !== name,
    );
  }

  /** The member that a valid accusation is about, where it is known and not newer than the accusation. */
  #accused(accusation: Accusation): MutableMember | undefined {
    if (accusation.incarnation > maxIncarnation) {
      this.#parts.environment.observer.refused("invalid", undefined);
      return undefined;
    }
    const member = this.list.get(accusation.name);
    return member !== undefined && accusation.incarnation >= member.incarnation ? member : undefined;
  }

  #isValid(alive: Alive, from: Endpoint | undefined): boolean {
    const { observer } = this.#parts.environment;
    const isSound =
      alive.name !== "" &&
      isAddress(alive.address) &&
      alive.incarnation > 0 &&
      alive.incarnation <= maxIncarnation;
    if (!isSound) observer.refused("invalid", from);
    else if (!hasValidVersions(alive.versions)) observer.refused("versions", from);
    return isSound && hasValidVersions(alive.versions);
  }

  /** Dead until what is said of it is believed. */
  #addUnknown(alive: Alive, from: Endpoint | undefined): MutableMember | undefined {
    if (this.list.size >= this.#parts.limits.maxMembers) {
      this.#parts.environment.observer.refused("members", from);
      return undefined;
    }
    const { name, address, port, meta, versions } = alive;
    const member: MutableMember = {
      ...{ name, address, port, meta, versions },
      incarnation: 0,
      state: "dead",
      stateSinceMs: this.#nowMs(),
    };
    this.list.add(member);
    return member;
  }

  #mayMove(member: Member): boolean {
    const { deadReclaimMs } = this.#parts.timing;
    if (member.name === this.#identity.name) return false;
    if (member.state === "left") return true;
    return (
      member.state === "dead" && deadReclaimMs > 0 && this.#nowMs() - member.stateSinceMs > deadReclaimMs
    );
  }

  /** An echo of what this member said is fine; anything else newer is of a former life, or a lie. */
  #aboutSelf(alive: Alive): void {
    const isEcho =
      alive.incarnation < this.#incarnation ||
      (alive.incarnation === this.#incarnation &&
        compareBytes(alive.meta, this.#identity.meta) === 0 &&
        compareBytes(alive.versions, this.#identity.versions) === 0);
    if (!isEcho) this.#refute(alive.incarnation);
  }

  #revive(member: MutableMember, alive: Alive): void {
    this.#endSuspicion(member.name);
    const wasGone = isGone(member);
    const isChanged = compareBytes(member.meta, alive.meta) !== 0;
    const { address, port, meta, versions, incarnation } = alive;
    Object.assign(member, { address, port, meta, versions, incarnation });
    this.#broadcastAlive(alive);
    if (member.state !== "alive") this.#setState(member, "alive");
    const { observer } = this.#parts.environment;
    if (wasGone) observer.memberJoined(member);
    else if (isChanged) observer.memberUpdated(member);
  }

  #accept(member: MutableMember, accusation: Accusation, done?: () => void): void {
    this.#endSuspicion(member.name);
    this.#broadcast("dead", accusation, done);
    member.incarnation = accusation.incarnation;
    const hasLeft = isGoodbye(accusation);
    this.#setState(member, hasLeft ? "left" : "dead");
    const { observer } = this.#parts.environment;
    if (hasLeft) observer.memberLeft(member);
    else observer.memberFailed(member);
  }

  #refute(incarnation: number): void {
    if (this.#isLeaving) return;
    this.#incarnation = Math.max(this.#incarnation, incarnation) + 1;
    this.#parts.awareness.apply(1);
    this.list.get(this.#identity.name)!.incarnation = this.#incarnation;
    this.#broadcastAlive({ ...this.#identity, incarnation: this.#incarnation });
    this.#parts.environment.observer.refuted(this.#incarnation);
  }

  #startSuspicion(member: MutableMember, accuser: string): void {
    const { name } = member;
    const { timing, timers } = this.#parts;
    const expire = () => this.dead({ name, incarnation: member.incarnation, from: this.#identity.name });
    const suspicion = new Suspicion(timers, suspicionTimeouts(timing, this.list.size), accuser, expire);
    this.#suspicions.set(name, suspicion);
  }

  #endSuspicion(name: string): void {
    this.#suspicions.get(name)?.cancel();
    this.#suspicions.delete(name);
  }

  #setState(member: MutableMember, state: Member["state"]): void {
    member.state = state;
    member.stateSinceMs = this.#nowMs();
  }

  #broadcastAlive(alive: Alive): void {
    this.#parts.broadcasts.add(alive.name, encodeMessage("alive", alive));
  }

  #broadcast(kind: "suspect" | "dead", accusation: Accusation, done?: () => void): void {
    this.#parts.broadcasts.add(accusation.name, encodeMessage(kind, accusation), done);
  }

  #nowMs(): number {
    return this.#parts.timers.monotonicMs();
  }
}

function isGoodbye(accusation: Accusation): boolean {
  return accusation.from === accusation.name;
}
