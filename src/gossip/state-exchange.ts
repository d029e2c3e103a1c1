/**
 * Push/pull: two members tell each other all they know, over TCP. It is how a member joins, and what brings members
 * together that gossip has missed, or that a partition kept apart.
 */
import type { Endpoint } from "./endpoint.ts";
import type { GossipEnvironment } from "./environment.ts";
import { type Member, memberStates } from "./member.ts";
import type { Membership } from "./membership.ts";
import type { GossipTiming } from "./settings.ts";
import type { StreamFactory } from "./stream-factory.ts";
import { disagreement } from "./version-agreement.ts";
import { encodePushPull, type PushPull } from "./wire/stream-messages.ts";

/** From this size on the interval grows, so that the load on each member does not. */
const unscaledMembers = 32;

export interface StateExchangeParts {
  readonly timing: GossipTiming;
  readonly environment: GossipEnvironment;
  readonly membership: Membership;
  readonly streams: StreamFactory;
}

export class StateExchange {
  readonly #parts: StateExchangeParts;

  constructor(parts: StateExchangeParts) {
    this.#parts = parts;
  }

  get intervalMs(): number {
    const { timing, membership } = this.#parts;
    return timing.pushPullIntervalMs * pushPullScale(membership.list.size);
  }

  /** With a member of the ring. */
  tick(): void {
    const { membership } = this.#parts;
    const [member] = membership.list.sample(
      1,
      (other) => other !== membership.self && other.state === "alive",
    );
    if (member !== undefined) this.exchange(member, false, () => undefined);
  }

  /** `ended` gets why it failed, or `undefined`. */
  exchange(to: Endpoint, isJoin: boolean, ended: (failure: string | undefined) => void): void {
    const { streams, environment, timing } = this.#parts;
    environment.observer.messageSent("pushPull");
    environment.transport.converse({
      ...streams.request(to, this.encodeState(isJoin)),
      timeoutMs: timing.streamTimeoutMs,
      ended: (answer) => {
        if (answer.kind === "failure") ended(answer.reason);
        else if (answer.kind === "error") ended(`it answers: ${answer.body.message}`);
        else if (answer.kind !== "pushPull") ended(`it answers with a message of the kind ${answer.kind}`);
        else ended(this.merge(answer.body, to));
      },
    });
  }

  encodeState(isJoin: boolean): Uint8Array {
    const { membership, environment } = this.#parts;
    const members = [...membership.list].map((member) => ({
      ...member,
      state: memberStates.indexOf(member.state),
    }));
    return encodePushPull({ isJoin, members, userState: environment.delegate.localState(isJoin) });
  }

  /** Takes over what is newer; where the versions do not fit nothing, and says why. */
  merge({ members, isJoin, userState }: PushPull, from: Endpoint): string | undefined {
    const { membership, environment } = this.#parts;
    environment.observer.messageReceived("pushPull");
    const misfit = disagreement(membership.list as Iterable<Member>, members);
    if (misfit !== undefined) {
      environment.observer.refused("versions", from);
      return misfit;
    }
    for (const member of members) membership.merge(member, from);
    if (userState.length > 0) environment.delegate.mergeRemoteState(userState, isJoin);
    return undefined;
  }
}

/** By how much push/pull is rarer in a ring of so many. */
export function pushPullScale(memberCount: number): number {
  return memberCount <= unscaledMembers
    ? 1
    : Math.ceil(Math.log2(memberCount) - Math.log2(unscaledMembers)) + 1;
}
