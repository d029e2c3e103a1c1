/** Waits for work, but not for ever. */
import type { Clock } from "./clock.ts";

/** Whether `work` ends in time; rejects where it fails in time. It goes on either way. */
export async function endsWithin(work: Promise<unknown>, clock: Clock, timeoutMs: number): Promise<boolean> {
  const timeUp = Promise.withResolvers<false>();
  const timer = clock.after(Math.max(0, timeoutMs), () => timeUp.resolve(false));
  try {
    return await Promise.race([work.then(() => true), timeUp.promise]);
  } finally {
    timer.cancel();
  }
}
