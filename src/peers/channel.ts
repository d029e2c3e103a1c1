/** One HTTP/2 connection to one address, opened by the first call on it. */
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { parseAddress } from "../base/ip-address.ts";
import { StorageNodeService } from "../gen/storage/storage_node_pb.ts";
import type { PeerCredentials, PeerTls } from "./peer-credentials.ts";
import type { PeerPlace } from "./target-policy.ts";

export interface Channel {
  readonly service: Client<typeof StorageNodeService>;
  /** Ends the connection, and calls under way with it. */
  close(): void;
}

/** A connection with calls under way on which nothing came for so long is asked whether anybody is there. */
const pingIntervalMs = 10_000;
const pingTimeoutMs = 5000;

export function openChannel(place: PeerPlace, credentials: () => PeerCredentials): Channel {
  const { transport, close } = openTransport(place, credentials);
  return { service: createClient(StorageNodeService, transport), close };
}

/** For clients of any service. TLS is that of this moment, tokens those of each call. */
export function openTransport(
  place: PeerPlace,
  credentials: () => PeerCredentials,
): { readonly transport: Transport; readonly close: () => void } {
  const { tls } = credentials();
  const baseUrl = `${tls === undefined ? "http" : "https"}://${hostAndPort(place)}`;
  const pings = { pingIntervalMs, pingTimeoutMs };
  const sessionManager = new Http2SessionManager(baseUrl, pings, tls && tlsOptions(tls, place.serverName));
  const transport = createGrpcTransport({ baseUrl, sessionManager, interceptors: [showing(credentials)] });
  return { transport, close: () => sessionManager.abort() };
}

export function hostAndPort({ address, port }: Pick<PeerPlace, "address" | "port">): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function tlsOptions({ authority, certificate, key, serverName }: PeerTls, hostName: string) {
  const name = serverName ?? hostName;
  return {
    // An address is checked as what was dialled, and TLS knows no names that are addresses.
    ...(parseAddress(name) === undefined ? { servername: name } : {}),
    ...(authority === undefined ? {} : { ca: authority }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  };
}

function showing(credentials: () => PeerCredentials): Interceptor {
  return (next) => (request) => {
    const { authorization } = credentials();
    if (authorization !== undefined) request.header.set("authorization", authorization);
    return next(request);
  };
}
