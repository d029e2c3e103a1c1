/** What a member knows of a member. */
import type { Endpoint } from "./endpoint.ts";
import { versionsBytes } from "./wire/messages.ts";

/** In the order of their numbers in a push/pull: on the wire, never change. */
export const memberStates = ["alive", "suspect", "dead", "left"] as const;

export type MemberState = (typeof memberStates)[number];

/** Indexes of `versions`. */
export const versionIndexes = {
  lowest: 0,
  highest: 1,
  current: 2,
  delegateLowest: 3,
  delegateHighest: 4,
  delegateCurrent: 5,
};

export interface Member extends Endpoint {
  readonly name: string;
  readonly address: Uint8Array;
  readonly port: number;
  /** What the member tells of itself; its application knows the form. */
  readonly meta: Uint8Array;
  readonly versions: Uint8Array;
  /** Counted up by the member itself, to take precedence over what others say of it. */
  readonly incarnation: number;
  readonly state: MemberState;
  /** On the monotonic clock. */
  readonly stateSinceMs: number;
}

/** The list's own view of a member. */
export type MutableMember = { -readonly [K in keyof Member]: Member[K] };

export function isGone(member: Member): boolean {
  return member.state === "dead" || member.state === "left";
}

/** Whether it understands what came with this version of the protocol. */
export function understands(member: Member, protocolVersion: number): boolean {
  return member.versions[versionIndexes.highest]! >= protocolVersion;
}

/** From where pings over TCP, nacks and checksums are understood. */
export const featureVersions = { streamPing: 3, nack: 4, checksum: 5 };

export function hasValidVersions(versions: Uint8Array): boolean {
  const [lowest = 0, highest = 0] = versions;
  return versions.length === versionsBytes && lowest > 0 && lowest <= highest;
}
