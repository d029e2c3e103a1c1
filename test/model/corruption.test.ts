/**
 * Damages every kind of file of a store in every way, and accepts only the right answer or a report
 * (`check-damage.ts`).
 *
 * `CORRUPTION_EVERY_BYTE=1` damages every byte in place of a sample, and takes many minutes.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { basename } from "node:path";
import { currentPath, listNumberedFiles, type NumberedFileKind } from "../../src/engine/data-directory.ts";
import { markerPath } from "../../src/engine/log-marker.ts";
import type { EngineOptions, RecoveryMode } from "../../src/engine/options.ts";
import { checkDamage, type Outcome } from "../support/corruption/check-damage.ts";
import { byteDamages, type Damage, lengthDamages, sectorDamages } from "../support/corruption/damages.ts";
import { buildSoundStore, directories, type SoundStore } from "../support/corruption/sound-store.ts";
import { tinyOptions } from "../support/engine-settings.ts";
import { readWhole } from "../support/whole-file.ts";

const isEveryByte = process.env["CORRUPTION_EVERY_BYTE"] === "1";

const shape = {
  commitLog: { segmentSizeBytes: 16_384, preallocateBytes: 2048, groupSizeBytes: 2048 },
  memtable: { maxSizeBytes: 65_536, flushThresholdBytes: 65_536 },
  compaction: { l1TableSizeBytes: 1024, l2TableSizeBytes: 1024 },
};

type Kind = "CURRENT" | "STORE" | "manifest" | "tables" | "commit log";

/** Bytes that are damaged, and lengths that a file is cut to. */
const samplesPerFile: Record<Kind, number> = {
  CURRENT: 100,
  STORE: 100,
  manifest: 60,
  tables: 8,
  "commit log": 40,
};

interface DamagedStore {
  readonly options: EngineOptions;
  /** Files that are not the same as in another store. */
  readonly kinds: readonly Kind[];
}

const stores: Readonly<Record<string, DamagedStore>> = {
  "plain tables": {
    options: tinyOptions({ ...shape, compaction: { ...shape.compaction, compression: ["none"] } }),
    kinds: ["CURRENT", "STORE", "manifest", "tables", "commit log"],
  },
  "compressed tables": {
    options: tinyOptions({ ...shape, compaction: { ...shape.compaction, compression: ["zstd"] } }),
    kinds: ["tables"],
  },
};

for (const [name, { options, kinds }] of Object.entries(stores)) {
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

    async function checkFile(kind: Kind, path: string, modes: readonly RecoveryMode[]): Promise<void> {
      const bytes = readWhole(store.files, path);
      const stride = isEveryByte ? 1 : Math.ceil(bytes.length / samplesPerFile[kind]);
      counts[kind] ??= { detected: 0, harmless: 0, "end lost": 0 };
      let index = 0;
      for (const damages of [byteDamages, sectorDamages, lengthDamages]) {
        for (const damage of damages(path, bytes, stride)) {
          const mode = modes[index++ % modes.length]!;
          const outcome = await checked(store, damage, mode);
          if (outcome !== undefined) counts[kind][outcome]++;
        }
      }
    }

    const pathsOf = (kind: NumberedFileKind) =>
      listNumberedFiles(store.files, directories)
        .filter((file) => file.kind === kind)
        .map(({ path }) => path);
    const pathsByKind: Record<Kind, () => string[]> = {
      CURRENT: () => [currentPath(directories)],
      STORE: () => [markerPath(directories)],
      manifest: () => pathsOf("manifest"),
      tables: () => pathsOf("table"),
      "commit log": () => pathsOf("segment"),
    };

    for (const kind of kinds) {
      // A table does not care how the log is recovered.
      const modes = kind === "tables" ? (["skip"] as const) : (["skip", "point_in_time", "strict"] as const);
      test(kind, async () => {
        const paths = pathsByKind[kind]();
        expect(paths.length).toBeGreaterThanOrEqual({ tables: 8, "commit log": 4 }[kind as string] ?? 1);
        for (const path of paths) await checkFile(kind, path, modes);
        // Every byte of a table lies under a checksum.
        if (kind === "tables") expect(counts[kind]).toMatchObject({ harmless: 0, "end lost": 0 });
      }, 7_200_000);
    }
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
