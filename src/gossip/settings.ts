/**
 * How a member gossips. The defaults are memberlist's for a local network: the members of a ring should agree, since
 * each derives from its own how long others may stay silent.
 */
import { StorageError } from "../base/errors.ts";
import type { StreamLimits } from "./wire/stream-messages.ts";

export interface GossipTiming {
  /** From one probe to the next. */
  readonly probeIntervalMs: number;
  /** How long a direct answer may take. Below `probeIntervalMs`. */
  readonly probeTimeoutMs: number;
  /** Members that are asked to probe one that does not answer. */
  readonly indirectProbes: number;
  /** From one round of gossip to the next, and to how many members it goes. */
  readonly gossipIntervalMs: number;
  readonly gossipFanout: number;
  /** Dead members hear gossip for so long, and are forgotten then. */
  readonly gossipToTheDeadMs: number;
  /** From one exchange of the whole state to the next, in rings of up to 32. */
  readonly pushPullIntervalMs: number;
  /** Of a whole TCP conversation. */
  readonly streamTimeoutMs: number;
  /** A message is sent so often times the logarithm of the ring's size. */
  readonly retransmitMultiplier: number;
  /** A suspect has so many probe intervals, times the logarithm of the ring's size, to refute. */
  readonly suspicionMultiplier: number;
  /** So many times longer while nobody confirms the suspicion. */
  readonly suspicionMaxTimeoutMultiplier: number;
  /** A member that is unwell itself waits up to so many times longer before it accuses others. */
  readonly awarenessMaxMultiplier: number;
  /** After so long a dead member's name may be taken from another address; 0: not before it is forgotten. */
  readonly deadReclaimMs: number;
}

export interface GossipLimits extends StreamLimits {
  /** Of a packet that we send. */
  readonly packetBytes: number;
}

export const defaultTiming: GossipTiming = {
  probeIntervalMs: 1000,
  probeTimeoutMs: 500,
  indirectProbes: 3,
  gossipIntervalMs: 200,
  gossipFanout: 3,
  gossipToTheDeadMs: 30_000,
  pushPullIntervalMs: 30_000,
  streamTimeoutMs: 10_000,
  retransmitMultiplier: 4,
  suspicionMultiplier: 4,
  suspicionMaxTimeoutMultiplier: 6,
  awarenessMaxMultiplier: 8,
  deadReclaimMs: 0,
};

export const defaultLimits: GossipLimits = {
  packetBytes: 1400,
  maxMembers: 10_000,
  maxStreamBytes: 20 * 1024 * 1024,
};

/** Lowest, highest and spoken version of what the application says, as `Vsn` carries them. */
export type DelegateVersions = readonly [lowest: number, highest: number, current: number];

/** Versions of memberlist's protocol: lowest and highest understood, spoken. */
const protocolVersions = [1, 5, 2] as const;

/** The six versions that members tell of themselves. INVALID_ARGUMENT where they are no versions. */
export function versionsOf([lowest, highest, current]: DelegateVersions): Uint8Array {
  const isByte = [lowest, highest, current].every(
    (value) => Number.isInteger(value) && value >= 0 && value < 256,
  );
  if (!isByte || lowest > current || current > highest) {
    const message = `delegate versions are [${lowest}, ${highest}, ${current}]; they are lowest, highest and current, from 0 to 255, with current between the others`;
    throw new StorageError("INVALID_ARGUMENT", message);
  }
  return Uint8Array.of(...protocolVersions, lowest, highest, current);
}
