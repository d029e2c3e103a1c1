/**
 * Sends packets, with news of members in the room that is left.
 *
 * Invariant: no packet is longer than `packetBytes`, whatever is around the messages.
 */
import { type BroadcastQueue, transmitLimitOf } from "./broadcast-queue.ts";
import type { Endpoint } from "./endpoint.ts";
import type { GossipEnvironment } from "./environment.ts";
import { featureVersions, type Member, understands } from "./member.ts";
import {
  checksumHeaderBytes,
  compoundHeaderBytes,
  type Envelope,
  maxParts,
  partHeaderBytes,
} from "./wire/envelope.ts";
import { type BodyOf, encodeMessage, type MessageKind } from "./wire/messages.ts";

export interface PacketSenderParts {
  readonly envelope: Envelope;
  readonly packetBytes: number;
  readonly retransmitMultiplier: number;
  readonly environment: GossipEnvironment;
  readonly broadcasts: BroadcastQueue;
  readonly memberCount: () => number;
}

export class PacketSender {
  readonly #parts: PacketSenderParts;

  constructor(parts: PacketSenderParts) {
    this.#parts = parts;
  }

  /** A message, and what else fits. */
  send<K extends MessageKind>(to: Endpoint, kind: K, body: BodyOf<K>): void {
    const message = encodeMessage(kind, body);
    this.#parts.environment.observer.messageSent(kind);
    this.#transmit(to, [message, ...this.#takeBroadcasts([message])], false);
  }

  /** These messages and nothing else, to a member of which the versions are known. */
  sendAlone(to: Member, messages: readonly Uint8Array[]): void {
    this.#transmit(to, messages, understands(to, featureVersions.checksum));
  }

  /** News alone; false where there is none. */
  gossip(to: Member): boolean {
    const messages = this.#takeBroadcasts([]);
    if (messages.length > 0) this.sendAlone(to, messages);
    return messages.length > 0;
  }

  #takeBroadcasts(before: readonly Uint8Array[]): Uint8Array[] {
    const { retransmitMultiplier, memberCount, broadcasts, packetBytes, envelope } = this.#parts;
    if (broadcasts.length === 0) return [];
    const transmitLimit = transmitLimitOf(retransmitMultiplier, memberCount());
    const usedBytes = before.reduce((sum, part) => sum + part.length + partHeaderBytes, 0);
    const roomBytes = packetRoomBytes(packetBytes, envelope) - usedBytes;
    return broadcasts.take(roomBytes, partHeaderBytes, maxParts - before.length, transmitLimit);
  }

  #transmit(to: Endpoint, messages: readonly Uint8Array[], hasChecksum: boolean): void {
    this.#parts.environment.transport.sendPacket(to, this.#parts.envelope.wrapPacket(messages, hasChecksum));
  }
}

/** For messages and the lengths before them. */
export function packetRoomBytes(packetBytes: number, envelope: Envelope): number {
  return packetBytes - envelope.overheadBytes - checksumHeaderBytes - compoundHeaderBytes;
}
