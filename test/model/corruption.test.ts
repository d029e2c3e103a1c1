/**
 * Damages every kind of file of a store in every way, and accepts only the right answer or a report
 * (`check-damage.ts`). Small files are damaged byte by byte; of large ones, a sample.
 *
 * `CORRUPTION_STRIDE=N` tries every N-th byte of large files: 1 is all of them, and takes many minutes.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { basename } from "node:path";
import { currentPath, listNumberedFiles } from "../../src/engine/data-directory.ts";
import { markerPath } from "../../src/engine/log-marker.ts";
import type { EngineOptions, RecoveryMode } from "../../src/engine/options.ts";
import { checkDamage, type Outcome } from "../support/corruption/check-damage.ts";
import { byteDamages, type Damage, lengthDamages, sectorDamages } from "../support/corruption/damages.ts";
import { buildSoundStore, directories, type SoundStore } from "../support/corruption/sound-store.ts";
import { tinyOptions } from "../support/engine-settings.ts";
import { readWhole } from "../support/whole-file.ts";

const stride = Number(process.env["CORRUPTION_STRIDE"] ?? 250);

const shape = {
  commitLog: { segmentSizeBytes: 16_384, preallocateBytes: 2048, groupSizeBytes: 2048 },
  memtable: { maxSizeBytes: 65_536, flushThresholdBytes: 65_536 },
  compaction: { l1TableSizeBytes: 1024, l2TableSizeBytes: 1024 },
};

const stores: Readonly<Record<string, EngineOptions>> = {
  "plain tables": tinyOptions(shape),
};

for (const [name, options] of Object.entries(stores)) {
  describe(`a damaged store: ${name}`, () => {
    let store: SoundStore;
    /** By kind of file. */
    const counts: Record<string, Record<Outcome, number>> = {};

    beforeAll(async () => {
      store = await buildSoundStore(options);
    });
    afterAll(() => {
      for (const [kind, outcomes] of Object.entries(counts)) {
        const parts = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`);
        process.stderr.write(`${name}, ${kind}: ${parts.join(", ")}\n`);
      }
    });

    async function checkFile(kind: string, path: string, modes: readonly RecoveryMode[]): Promise<void> {
      const bytes = readWhole(store.files, path);
      // Small files say more with each byte.
      const density = { allUpTo: 0, stride: Math.ceil((stride * Math.min(bytes.length, 12_000)) / 12_000) };
      counts[kind] ??= { detected: 0, harmless: 0, "end lost": 0 };
      let index = 0;
      for (const damages of [byteDamages, sectorDamages, lengthDamages]) {
        for (const damage of damages(path, bytes, density)) {
          const mode = modes[index++ % modes.length]!;
          const outcome = await checked(store, damage, mode);
          if (outcome !== undefined) counts[kind][outcome]++;
        }
      }
    }

    const pathsOf = (kind: string) =>
      listNumberedFiles(store.files, directories)
        .filter((file) => file.kind === kind)
        .map(({ path }) => path);
    const everyMode = ["skip", "point_in_time", "strict"] as const;

    test("CURRENT", () => checkFile("CURRENT", currentPath(directories), everyMode), 600_000);
    test("STORE", () => checkFile("STORE", markerPath(directories), everyMode), 600_000);
    test("manifest", () => checkFile("manifest", pathsOf("manifest")[0]!, everyMode), 600_000);
    test("tables", async () => {
      expect(pathsOf("table").length).toBeGreaterThan(3);
      for (const path of pathsOf("table")) await checkFile("tables", path, ["skip"]);
      // Every byte of a table lies under a checksum.
      expect(counts["tables"]).toMatchObject({ harmless: 0, "end lost": 0 });
    }, 3_600_000);
    test("commit log", async () => {
      expect(pathsOf("segment").length).toBeGreaterThan(3);
      for (const path of pathsOf("segment")) await checkFile("commit log", path, everyMode);
    }, 3_600_000);
  });
}

async function checked(store: SoundStore, damage: Damage, mode: RecoveryMode): Promise<Outcome | undefined> {
  try {
    return await checkDamage(store, damage, mode);
  } catch (error) {
    throw new Error(`${basename(damage.path)}, ${damage.title}, mode ${mode}: ${String(error)}`, {
      cause: error,
    });
  }
}
