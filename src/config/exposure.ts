/**
 * Who can reach the node. A node that everybody on a network may write to has to be asked for: off loopback it
 * does not start before the operator has said that callers need no credentials.
 */
import { StorageError } from "../base/errors.ts";
import type { Configuration } from "./resolve.ts";

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Addresses of both ports. */
export function hostsOf({ server, http }: Configuration): string[] {
  return [server.host, http.host];
}

/** Whether others than this machine may reach one of the addresses. */
export function isExposed(hosts: readonly string[]): boolean {
  return hosts.some((host) => !isLoopback(host));
}

/** Throws INVALID_ARGUMENT, with the ways out, when a port would be open to a network without that being said. */
export function refuseUnaskedExposure(configuration: Configuration): void {
  if (configuration.auth.mode !== undefined) return;
  const exposed = [
    ["server.host", configuration.server.host],
    ["http.host", configuration.http.host],
  ].find(([, host]) => !isLoopback(host ?? ""));
  if (exposed === undefined) return;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `${exposed[0]} is ${exposed[1]}: everybody who reaches that address could read and write all data. ` +
      "Ask callers for tokens (auth.token_file; `pairdb-node token create` makes them), or listen on this machine " +
      "only (--host 127.0.0.1, or server.host in the file), or, on a network that you trust, say so (--insecure, PAIRDB_AUTH_MODE=none, or auth.mode: none in the file)",
  );
}

/** What an operator should hear at each start: one sentence each. */
export function exposureWarnings(configuration: Configuration): string[] {
  return [
    ...callerWarnings(configuration),
    ...gossipWarnings(configuration),
    ...clusterWarnings(configuration),
  ];
}

function clusterWarnings({ cluster }: Configuration): string[] {
  if (cluster.token_file === undefined || cluster.tls !== undefined) return [];
  return ["the token of cluster.token_file is shown to other nodes in cleartext: cluster.tls is unset"];
}

function gossipWarnings({ gossip, server }: Configuration): string[] {
  if (!gossip.enabled || gossip.key_file !== undefined || isLoopback(server.host)) return [];
  return ["gossip is not sealed: everybody who reaches its port can join the ring; gossip.key_file is unset"];
}

function callerWarnings(configuration: Configuration): string[] {
  const { auth, tls } = configuration;
  const isOpen = isExposed(hostsOf(configuration));
  if (auth.mode === "none") {
    const who = isOpen ? "everybody who reaches this node" : "everybody on this machine";
    return [`auth.mode is none: ${who} may ${auth.anonymous_scopes.join(", ") || "do nothing"}`];
  }
  if (auth.mode === "tokens" && isOpen && tls.cert_file === undefined) {
    return ["tokens cross the network in cleartext: tls.cert_file and tls.key_file are unset"];
  }
  return [];
}
