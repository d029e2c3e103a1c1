/**
 * Which Host values the HTTP surface answers to.
 *
 * A web page of a stranger can point a name of its own at this machine's address (DNS rebinding) and so reach a
 * node that listens for this machine only. Its requests carry that name as Host, so names are not believed unless
 * they are ours; an address literal cannot be rebound.
 */
import { isIP } from "node:net";
import type { ServerSettings } from "./settings.ts";

export interface HostPolicyOptions {
  /** Addresses or names that the listeners are bound to. */
  readonly listenHosts: readonly string[];
  readonly nodeId: string;
  /** Further names; "*" lets every name in. */
  readonly allowedHosts: readonly string[];
}

const wildcardAddresses: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** What `localhost` resolves to. */
const loopbackAddresses = ["127.0.0.1", "::1"];

/** The policy of a node with these settings. */
export function allowedHosts(settings: ServerSettings): (host: string) => boolean {
  const { nodeId, host, httpHost, allowedHosts } = settings;
  return hostPolicy({ listenHosts: [host, httpHost], nodeId, allowedHosts });
}

/** Decides by the value of a Host header (or `:authority`), with or without a port. */
export function hostPolicy(options: HostPolicyOptions): (host: string) => boolean {
  const { listenHosts, nodeId, allowedHosts } = options;
  const hosts = new Set(["localhost", nodeId, ...listenHosts, ...allowedHosts].map(canonicalName));
  if (listenHosts.includes("localhost")) for (const address of loopbackAddresses) hosts.add(address);
  const isBoundToAll = listenHosts.some((host) => wildcardAddresses.has(host));
  const isAnyNameAllowed = hosts.has("*");

  return (host) => {
    const name = hostName(host);
    if (name === undefined) return false;
    if (hosts.has(name)) return true;
    return isIP(name) === 0 ? isAnyNameAllowed : isBoundToAll;
  };
}

/** The name or address in a Host value; `undefined` where it is none. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/i.exec(host);
  const name = match?.[1] ?? match?.[2];
  return name === undefined ? undefined : canonicalName(name);
}

/** Names in lower case without the root's dot, IPv6 addresses in their shortest form. */
function canonicalName(name: string): string {
  if (isIP(name) === 6) return new URL(`http://[${name}]`).hostname.slice(1, -1);
  return name.toLowerCase().replace(/\.$/, "");
}
