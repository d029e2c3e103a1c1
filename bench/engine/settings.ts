/** What a run measures, from the command line; the sizes that all contestants share follow from it. */
import { parseArgs } from "node:util";

export const keyBytes = 24;

export interface Settings {
  /** Of the fill; the larger stores hold six times as many. */
  readonly entryCount: number;
  readonly valueBytes: number;
  readonly roundCount: number;
  /** Only cases whose name holds this; undefined: all. */
  readonly only: string | undefined;
  readonly json: boolean;
  /** Writes the results, the plots and the figures in the documents. */
  readonly writeDocs: boolean;
  /** In a process of its own: the one group to measure. */
  readonly group: string | undefined;
}

export function readSettings(args: string[]): Settings {
  const { values } = parseArgs({
    args,
    options: {
      entries: { type: "string", default: "500000" },
      "value-bytes": { type: "string", default: "100" },
      rounds: { type: "string", default: "3" },
      case: { type: "string" },
      json: { type: "boolean", default: false },
      "write-docs": { type: "boolean", default: false },
      group: { type: "string" },
    },
  });
  const settings = {
    entryCount: Number(values.entries),
    valueBytes: Number(values["value-bytes"]),
    roundCount: Number(values.rounds),
    only: values.case,
    json: values.json,
    writeDocs: values["write-docs"],
    group: values.group,
  };
  const isSound = settings.entryCount >= 10_000 && settings.valueBytes >= 16 && settings.roundCount >= 1;
  if (!isSound)
    throw new Error("--entries is at least 10000, --value-bytes at least 16, --rounds at least 1");
  return settings;
}

/** The arguments that give a process of its own the same settings. */
export function argumentsFor(settings: Settings, group: string): string[] {
  return [
    `--group=${group}`,
    `--entries=${settings.entryCount}`,
    `--value-bytes=${settings.valueBytes}`,
    `--rounds=${settings.roundCount}`,
    ...(settings.only === undefined ? [] : [`--case=${settings.only}`]),
  ];
}

/** Entries of the stores that are read from tables. */
export function storeEntryCount({ entryCount }: Settings): number {
  return 6 * entryCount;
}

/** Of memtables and tables: small enough that such a store has tables in four levels. 8 MiB by default. */
export function smallTableBytes({ entryCount, valueBytes }: Settings): number {
  const defaultUserBytes = 500_000 * (keyBytes + 100);
  return Math.round((8 * 2 ** 20 * entryCount * (keyBytes + valueBytes)) / defaultUserBytes);
}
