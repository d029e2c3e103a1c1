/** What the server tells the outside, as things happen. An observer returns at once and never throws. */
import type { ErrorName } from "./error-codes.ts";
import type { LimitName } from "./limits.ts";

/** Why a connection ended before it spoke HTTP/2. */
export type RefusalReason =
  | "connection_limit"
  | "http1"
  | "tls_on_plain_port"
  | "plain_on_tls_port"
  | "tls_handshake"
  | "tls_client_certificate"
  | "tls_alpn";

export interface Http2Observer {
  connectionOpened(): void;
  connectionClosed(): void;
  connectionRefused(reason: RefusalReason): void;
  /** A peer broke the protocol, so that its connection ends. */
  connectionFailed(error: ErrorName, message: string): void;
  streamReset(by: "peer" | "server", code: number): void;
  limitReached(limit: LimitName): void;
  /** A handler threw; its request was reset. */
  handlerFailed(error: unknown): void;
}

const ignore = (): void => {};

export const silentHttp2Observer: Http2Observer = {
  connectionOpened: ignore,
  connectionClosed: ignore,
  connectionRefused: ignore,
  connectionFailed: ignore,
  streamReset: ignore,
  limitReached: ignore,
  handlerFailed: ignore,
};
