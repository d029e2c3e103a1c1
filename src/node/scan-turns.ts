/**
 * The turns of scans: one of those that wait goes on in each turn of the event loop, in the order in which they came. So
 * a thousand scans that begin at once take a thousand turns, between which everybody else is served.
 */

const waiting: (() => void)[] = [];

/** Lets everything else, and the scans that wait already, have its turn before the caller goes on. */
export function nextScanTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(wakeFirst);
  });
}

function wakeFirst(): void {
  waiting.shift()!();
  if (waiting.length > 0) setImmediate(wakeFirst);
}
