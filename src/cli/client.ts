/** A connection to a node, and what its failures mean to whoever typed the command. */
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { StorageError, type StorageErrorCode, storageErrorCodeOf } from "../base/errors.ts";
import { AdminService } from "../gen/pairdb/admin/v1/admin_pb.ts";
import { ErrorDetailsSchema, StorageNodeService } from "../gen/storage/storage_node_pb.ts";
import type { ClientCredentials } from "./client-credentials.ts";

export const defaultAddress = "127.0.0.1:50052";
const defaultPort = "50052";

/** Bound of a single call. */
const callTimeoutMs = 60_000;
/** Of a call that takes as long as it takes. */
export const noTimeoutMs = 0;

export interface NodeConnection {
  readonly address: string;
  readonly service: Client<typeof StorageNodeService>;
  readonly admin: Client<typeof AdminService>;
  close(): void;
}

/** `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`. */
export function parseAddress(text: string): string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+)(?::(\d{1,5}))?$/.exec(text);
  const [, host, port = defaultPort] = match ?? [];
  if (host !== undefined && Number(port) <= 65_535) return `${host}:${port}`;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `"${text}" is no address; allowed is HOST, HOST:PORT or [ADDRESS]:PORT`,
  );
}

export function connect(addressText: string, { authorization, tls }: ClientCredentials): NodeConnection {
  const address = parseAddress(addressText);
  const baseUrl = `${tls === undefined ? "http" : "https"}://${address}`;
  const sessionManager = new Http2SessionManager(baseUrl, {}, tls);
  const interceptors = authorization === undefined ? [] : [showing(authorization)];
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager,
    interceptors,
    defaultTimeoutMs: callTimeoutMs,
  });
  return {
    address,
    service: createClient(StorageNodeService, transport),
    admin: createClient(AdminService, transport),
    close: () => sessionManager.abort(),
  };
}

function showing(authorization: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", authorization);
    return next(request);
  };
}

/** Codes of statuses that came without the node's own details, from the connection or from something between. */
const codeOfStatus: Partial<Record<Code, StorageErrorCode>> = {
  [Code.Unavailable]: "UNAVAILABLE",
  [Code.DeadlineExceeded]: "UNAVAILABLE",
  [Code.InvalidArgument]: "INVALID_ARGUMENT",
  [Code.ResourceExhausted]: "RESOURCE_EXHAUSTED",
  [Code.Aborted]: "ABORTED",
};

/** A failed call as an error of ours, with the node's own code and message where it sent them. */
export function explainCallFailure(error: unknown, address: string): unknown {
  if (!(error instanceof ConnectError)) return error;
  const [details] = error.findDetails(ErrorDetailsSchema);
  if (details !== undefined) {
    const code = storageErrorCodeOf(details.code) ?? "INTERNAL";
    return new StorageError(code, `the node at ${address} refused: ${details.message} (${code})`, {
      cause: error,
    });
  }
  const code = codeOfStatus[error.code] ?? "INTERNAL";
  if (/ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ECONNRESET|EAI_AGAIN/.test(error.message)) {
    const message = `no node answers at ${address} (${error.rawMessage}); is it running? --addr names another one`;
    return new StorageError("UNAVAILABLE", message, { cause: error });
  }
  return new StorageError(code, `the call to ${address} failed: ${error.message}`, { cause: error });
}
