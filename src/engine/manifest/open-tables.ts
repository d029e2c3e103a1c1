/** Opens the tables that a manifest names, or refuses the store: a table may be neither missing nor cut. */
import { corruption, StorageError } from "../../base/errors.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import { type DataDirectories, tablePath } from "../data-directory.ts";
import type { TableReader } from "../sstable/reader.ts";
import { withAdvice } from "./read-manifest.ts";
import type { ManifestState } from "./state.ts";
import { Table } from "./version.ts";
import type { TableMetadata } from "./version-edit.ts";

export interface OpenTablesOptions {
  readonly directories: DataDirectories;
  readonly openTable: (path: string, metadata: TableMetadata) => TableReader;
  /** Awaited after each table that was opened. */
  readonly tableOpened?: (openedCount: number, totalCount: number) => void | Promise<void>;
}

export function openTable(
  metadata: TableMetadata,
  { directories, openTable: open }: OpenTablesOptions,
): Table {
  return new Table(metadata, open(tablePath(directories, metadata.fileNumber), metadata));
}

/** Opens all tables of a state, or none. */
export async function openTables(state: ManifestState, options: OpenTablesOptions): Promise<Table[][]> {
  const totalCount = state.levels.flat().length;
  const opened: Table[] = [];
  const levels: Table[][] = [];
  try {
    for (const tables of state.levels) {
      const level: Table[] = [];
      levels.push(level);
      for (const metadata of tables) {
        const table = openTable(metadata, options);
        opened.push(table);
        level.push(table);
        await options.tableOpened?.(opened.length, totalCount);
      }
    }
    return levels;
  } catch (error) {
    for (const table of opened) table.reader.close();
    const isDamaged = error instanceof StorageError && error.code === "CORRUPTED_DATA";
    throw isDamaged ? withAdvice(error, options.directories) : error;
  }
}

/** Refuses a store whose table is missing or has another size than the manifest says. */
export function requireTableFile(
  files: FileSystem,
  directories: DataDirectories,
  table: TableMetadata,
): void {
  const path = tablePath(directories, table.fileNumber);
  const status = files.status(path);
  if (status?.sizeBytes === table.sizeBytes) return;
  const problem =
    status === undefined
      ? corruption(path, 0, "the table is missing")
      : corruption(path, 0, `the table has ${status.sizeBytes} bytes instead of ${table.sizeBytes}`);
  throw withAdvice(problem, directories);
}
