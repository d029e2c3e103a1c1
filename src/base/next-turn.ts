/**
 * The turns of the event loop, for work that can wait.
 *
 * One of those who wait goes on in each turn, in the order in which they came: so a thousand scans that begin at once
 * take a thousand turns, between which everybody else is served.
 */

const waiting: (() => void)[] = [];

/** Lets everything else that waits (probes, calls, timers) have its turn before the caller goes on. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(wakeFirst);
  });
}

function wakeFirst(): void {
  waiting.shift()!();
  if (waiting.length > 0) setImmediate(wakeFirst);
}
