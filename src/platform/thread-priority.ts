/** How the system shares the processors between the threads of this process. */
import { setPriority } from "node:os";

/** Nice value of threads that nobody waits for by the millisecond: about a third of an ordinary thread's weight. */
const backgroundPriority = 5;

/**
 * Lets the calling thread give way to the others, the main thread above all, where processors are short. Linux keeps a
 * priority for each thread, unlike other systems: there this does nothing.
 */
export function lowerThreadPriority(): void {
  if (process.platform === "linux") setPriority(0, backgroundPriority);
}
