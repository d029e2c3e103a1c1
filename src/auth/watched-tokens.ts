/** The tokens of a file that may change while the node runs; see `WatchedFiles`. */
import type { Clock } from "../platform/clock.ts";
import type { Secrets } from "../platform/secrets.ts";
import { WatchedFiles } from "../platform/watched-files.ts";
import { parseTokenFile } from "./token-file.ts";
import { TokenTable } from "./token-table.ts";

export interface TokenSourceOptions {
  readonly path: string;
  /** The file's text; throws where it may not be used. */
  readonly read: (path: string) => string;
  /** Changes with the file; undefined where there is none. */
  readonly fingerprint: (path: string) => string | undefined;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly onRead: (tokenCount: number) => void;
  /** The file cannot be used: the tokens that were read last stay good. */
  readonly onFailure: (error: unknown) => void;
}

/** Throws INVALID_ARGUMENT where the file cannot be used. */
export function watchTokens(options: TokenSourceOptions): WatchedFiles<TokenTable> {
  const { path, read, fingerprint, secrets, clock, onRead, onFailure } = options;
  return new WatchedFiles({
    read: () => new TokenTable(parseTokenFile(read(path), path), secrets, clock),
    fingerprint: () => fingerprint(path) ?? "",
    clock,
    changed: (table) => onRead(table.size),
    refused: onFailure,
  });
}
