/** What a member stands on, injected: time, randomness, the network, and who watches. */
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { Endpoint } from "./endpoint.ts";
import type { GossipObserver } from "./observer.ts";
import type { Refusal } from "./wire/envelope.ts";
import type { StreamMessage } from "./wire/stream-messages.ts";
import type { StreamReader } from "./wire/stream-reader.ts";

export interface GossipTransport {
  /** Sends a datagram, or loses it; never throws. */
  sendPacket(to: Endpoint, packet: Uint8Array): void;
  /** Dials, sends `request`, and reads the answer with `reader`. */
  converse(conversation: Conversation): void;
}

/** How a conversation ended: with the answer, or with why there is none. */
export type Ending = StreamMessage | { readonly kind: "failure"; readonly reason: string };

export interface Conversation {
  readonly to: Endpoint;
  readonly request: Uint8Array;
  readonly reader: StreamReader;
  /** For all of it. */
  readonly timeoutMs: number;
  /** Called once. */
  readonly ended: (ending: Ending) => void;
}

/** What the application of a member exchanges with those of others. Nothing that it does may throw. */
export interface GossipDelegate {
  /** Its state, for a push/pull. */
  localState(isJoin: boolean): Uint8Array;
  /** That of another member; not called where there is none. */
  mergeRemoteState(state: Uint8Array, isJoin: boolean): void;
  messageReceived(message: Uint8Array): void;
}

export interface GossipEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: GossipTransport;
  readonly observer: GossipObserver;
  readonly delegate: GossipDelegate;
}

/** How transports tell of a peer that closed without a word, as all do after a message of the application. */
export const noAnswer = "the connection ended without an answer";

/** In words, for logs and answers. */
export const refusalTexts: Record<Refusal, string> = {
  label: "the label is not that of this ring",
  key: "it is not sealed with a key of this ring",
  checksum: "the checksum is wrong",
  malformed: "it is malformed",
  too_large: "it is too large",
  unsupported: "it is of a kind that is not supported",
};
