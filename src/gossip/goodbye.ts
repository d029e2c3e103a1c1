/**
 * How a member says that it goes, so that nobody takes it for failed.
 *
 * It says so on the packets of gossip, as all news travel, and to some over TCP. Nobody says it again where it was not
 * heard; and in a small ring the packets are few, may be lost, and go to members too that have just died.
 */
import type { Membership } from "./membership.ts";
import type { StateExchange } from "./state-exchange.ts";
import type { Timers } from "./timers.ts";

export interface GoodbyeParts {
  readonly membership: Membership;
  readonly exchange: StateExchange;
  readonly timers: Timers;
  /** Sends news to some members now. */
  readonly gossip: () => void;
  /** How many hear it over TCP. */
  readonly fanout: number;
}

/**
 * `ended` is called once: when the packets are sent and one member has answered (or all have failed to), or after
 * `timeoutMs`. Where nobody else is alive it goes once to those that have been dead for a short while, who may be
 * alive after all, and nothing is waited for.
 */
export function sayGoodbye(parts: GoodbyeParts, timeoutMs: number, ended: () => void): void {
  const { membership, exchange, timers, gossip, fanout } = parts;
  const listeners = membership.list.sample(
    fanout,
    (member) => member !== membership.self && member.state === "alive",
  );
  let isSpread = !membership.hasOthers;
  let isHeard = listeners.length === 0;
  let silentCount = listeners.length;
  let hasEnded = false;
  const end = () => {
    if (hasEnded) return;
    hasEnded = true;
    timeout.cancel();
    ended();
  };
  const timeout = timers.after(timeoutMs, end);
  const endWhenDone = () => {
    if (isSpread && isHeard) end();
  };
  membership.leave(() => {
    isSpread = true;
    endWhenDone();
  });
  for (const listener of listeners) {
    exchange.exchange(listener, false, (failure) => {
      silentCount--;
      isHeard ||= failure === undefined || silentCount === 0;
      endWhenDone();
    });
  }
  gossip();
  endWhenDone();
}
