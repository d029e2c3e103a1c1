/** What a member of a ring tells of what happens. Nothing that an observer does may throw. */
import type { Endpoint } from "./endpoint.ts";
import type { Member } from "./member.ts";
import type { Refusal } from "./wire/envelope.ts";
import type { MessageKind } from "./wire/messages.ts";

export type MessageLabel = MessageKind | "user" | "pushPull";

/** Why something of a peer was dropped. */
export type GossipRefusal =
  | Refusal
  /** Versions of its protocol that do not fit the ring's. */
  | "versions"
  /** A member beyond the bound of members. */
  | "members"
  /** A value that no member has: an address of odd length, an incarnation that nobody can refute. */
  | "invalid";

export interface GossipObserver {
  memberJoined(member: Member): void;
  memberUpdated(member: Member): void;
  memberSuspected(member: Member, accuser: string): void;
  memberFailed(member: Member): void;
  memberLeft(member: Member): void;
  /** Somebody elsewhere goes by the name of a member, this one perhaps; not believed. */
  nameTaken(member: Member, claimant: Endpoint): void;
  /** Somebody took us for suspect or dead; answered with a higher incarnation. */
  refuted(incarnation: number): void;
  /** A member answers over TCP and not over UDP: a firewall, mostly. */
  packetsLost(member: Member): void;
  messageReceived(kind: MessageLabel): void;
  messageSent(kind: MessageLabel): void;
  refused(refusal: GossipRefusal, from: Endpoint | undefined): void;
}
