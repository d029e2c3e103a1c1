/**
 * What it costs to be watched: processor time of the main thread for Reads, of a node with metrics, log and health as
 * they come, and of one without any of them.
 */
import { median, rounded } from "../../engine/measure.ts";
import { atMost, makeRow } from "../../engine/row.ts";
import { byH2load, contest } from "../contest.ts";
import type { Group } from "../group.ts";
import { ours } from "../servers/ours.ts";
import type { Work } from "../work.ts";

const work: Work = { operation: "read", valueBytes: 100, connectionCount: 8, streamCount: 32 };

const contestants = {
  ours: { start: ours(), generate: byH2load },
  "without metrics, log and health": { start: ours({ isUnobserved: true }), generate: byH2load },
};

const leastPairCount = 10;

export const observationGroup: Group = {
  name: "observation",
  title: "Reads with and without metrics, log and health",
  cases: [
    {
      name: "Read, 8 × 32, main thread",
      async run(settings) {
        const roundCount = Math.max(settings.roundCount, leastPairCount);
        const outcome = await contest({ ...settings, roundCount }, work, contestants);
        const [watched, unwatched] = Object.values(outcome).map((rounds) =>
          rounds.map(({ mainThreadUsPerCall }) => mainThreadUsPerCall),
        );
        const ratios = watched!.map((us, pair) => us / unwatched![pair]!);
        const figures = {
          ours: median(watched!),
          "without metrics, log and health": median(unwatched!),
        };
        const bars = [atMost(1.05, " × without, the median of pairs", median(ratios))];
        const note = `pairs: ${ratios.map((ratio) => rounded(ratio)).join(", ")}`;
        return makeRow("Read, 8 × 32, main thread", "s for a million calls", figures, bars, note);
      },
    },
  ],
};
