/** Checks that the tables that a manifest names are there, or refuses the store: none may be missing or cut. */
import { corruption } from "../../base/errors.ts";
import { nextTurn } from "../../base/next-turn.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import { type DataDirectories, tablePath } from "../data-directory.ts";
import { withAdvice } from "./read-manifest.ts";
import type { ManifestState } from "./state.ts";
import type { TableMetadata } from "./version-edit.ts";

/** Other work (the probes, say) gets its turn after so many tables. */
const tablesPerTurn = 256;

/** Looks at the files only: what is in them is checked when it is first read. `checked` hears of each table. */
export async function requireTableFiles(
  files: FileSystem,
  directories: DataDirectories,
  state: ManifestState,
  checked: (checkedCount: number, totalCount: number) => void = () => {},
): Promise<void> {
  const tables = state.levels.flat();
  for (const [index, table] of tables.entries()) {
    requireTableFile(files, directories, table);
    checked(index + 1, tables.length);
    if ((index + 1) % tablesPerTurn === 0) await nextTurn();
  }
}

function requireTableFile(files: FileSystem, directories: DataDirectories, table: TableMetadata): void {
  const path = tablePath(directories, table.fileNumber);
  const status = files.status(path);
  if (status?.sizeBytes === table.sizeBytes) return;
  const problem =
    status === undefined
      ? corruption(path, 0, "the table is missing")
      : corruption(path, 0, `the table has ${status.sizeBytes} bytes instead of ${table.sizeBytes}`);
  throw withAdvice(problem, directories);
}
