/** Lets everything else that waits (probes, calls, timers) have its turn before the caller goes on. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
