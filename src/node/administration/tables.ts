/** The tables of the store, page by page, by level and number: an order that changes only where tables come and go. */
import { StorageError } from "../../base/errors.ts";
import type { TableMetadata } from "../../engine/manifest/version-edit.ts";
import type { EngineStatus } from "../../engine/status.ts";

export interface TablePageRequest {
  /** Of this level alone; undefined: of all. */
  readonly level: number | undefined;
  readonly pageSize: number;
  /** From an earlier page; empty: from the beginning. */
  readonly pageToken: string;
}

export interface TablePage {
  /** Their `level` is where they lie now. */
  readonly tables: readonly TableMetadata[];
  /** Empty at the end. */
  readonly nextPageToken: string;
}

/** Throws INVALID_ARGUMENT for a token that is none. */
export function listTables({ levels }: EngineStatus, request: TablePageRequest): TablePage {
  const after = parseToken(request.pageToken);
  const rest = levels
    .flatMap(({ tables }, level) => tables.map((table) => ({ ...table, level })))
    .filter((table) => request.level === undefined || table.level === request.level)
    .filter((table) => after === undefined || compare(table, after) > 0)
    .sort(compare);
  const tables = rest.slice(0, request.pageSize);
  const last = tables.at(-1);
  const isEnd = last === undefined || tables.length === rest.length;
  return { tables, nextPageToken: isEnd ? "" : `${last.level}-${last.fileNumber}` };
}

type Position = Pick<TableMetadata, "level" | "fileNumber">;

function compare(a: Position, b: Position): number {
  return a.level - b.level || a.fileNumber - b.fileNumber;
}

function parseToken(token: string): Position | undefined {
  if (token === "") return undefined;
  const [, level, fileNumber] = /^(\d{1,2})-(\d{1,15})$/.exec(token) ?? [];
  if (level !== undefined) return { level: Number(level), fileNumber: Number(fileNumber) };
  throw new StorageError(
    "INVALID_ARGUMENT",
    "page_token is none: send the next_page_token of an earlier page",
  );
}
