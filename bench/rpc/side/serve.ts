import type { Work } from "../work.ts";

export interface SideCounts {
  calls: number;
  receivedBytes: number;
}

/** Starts to serve and gives the port; counts as it answers. */
export type Serve = (work: Work, counts: SideCounts) => number | Promise<number>;
