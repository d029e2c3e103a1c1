/** What the lifecycle needs of a listening port. */
import { errnoOf, messageOf, StorageError } from "../base/errors.ts";

export interface Listener {
  /** The port in use, also where the system chose it. */
  readonly port: number;
  /** No new connections; resolves when those that are there have ended, idle ones at once. */
  stopAccepting(): Promise<void>;
  /** Ends every connection now. */
  destroy(): void;
}

/** A port that cannot be listened on, with the setting that would change it. */
export function listenFailure(error: unknown, host: string, port: number, flag: string): StorageError {
  const reasons: Record<string, string> = {
    EADDRINUSE: "another process listens there",
    EADDRNOTAVAIL: "this machine does not have that address",
    EACCES: "this user may not listen there",
  };
  const reason = reasons[errnoOf(error) ?? ""] ?? messageOf(error);
  const message = `cannot listen on ${host}:${port}: ${reason}; choose another with ${flag}`;
  return new StorageError("UNAVAILABLE", message, { cause: error });
}
