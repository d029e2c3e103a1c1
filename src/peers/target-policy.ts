/**
 * Which nodes this one may call, and at which address.
 *
 * Callers name targets, and whoever may do that could make the node send its data, or speak in its place, anywhere. So a
 * target has to be known: by `cluster.peers`, or as a member of the ring, and at the address known there; any other only
 * where `cluster.allow_any_target` says so.
 *
 * Invariants:
 * 1. A target that is known is dialled where it is known to be, never where the caller says.
 * 2. What is dialled is an address that was looked at, not a name that may mean another one by then.
 * 3. Forbidden addresses are never dialled, and neither is this node.
 */
import { messageOf, StorageError } from "../base/errors.ts";
import { hostOf, parseAddress } from "../base/ip-address.ts";
import type { PeerTarget } from "../migration/peer.ts";
import type { Resolver } from "../platform/resolver.ts";
import { forbiddenKind } from "./forbidden-addresses.ts";

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** Where a member of the ring is; existing nodes do not tell their port. */
export interface RingPlace {
  readonly host: string;
  readonly port: number | undefined;
}

export interface TargetPolicyOptions {
  readonly nodeId: string;
  /** Where this node listens; any of its own addresses may stand for it. */
  readonly own: () => HostAndPort;
  readonly isOwnAddress: (address: string) => boolean;
  /** `cluster.peers`. */
  readonly configured: ReadonlyMap<string, HostAndPort>;
  readonly ring: (nodeId: string) => RingPlace | undefined;
  readonly allowsAnyTarget: boolean;
  readonly resolve: Resolver;
}

/** Where a peer is dialled. */
export interface PeerPlace {
  /** An address in text. */
  readonly address: string;
  readonly port: number;
  /** The name by which its certificate is checked. */
  readonly serverName: string;
}

/** Of storage nodes that are not told to take another one. */
const usualPort = 50_052;

export class TargetPolicy {
  readonly #options: TargetPolicyOptions;

  constructor(options: TargetPolicyOptions) {
    this.#options = options;
  }

  /** Where the target is now. Throws as `Peers.connect`. */
  async locate(target: PeerTarget): Promise<PeerPlace> {
    const { nodeId, configured, ring, allowsAnyTarget } = this.#options;
    if (target.nodeId === "") throw refused("INVALID_ARGUMENT", "the target's node id is empty");
    if (target.nodeId === nodeId) throw isItself(target.nodeId);
    if (target.port !== undefined && !isPort(target.port)) {
      throw refused("INVALID_ARGUMENT", `the target's port is ${target.port}; allowed is 1 to 65535`);
    }
    const known = configured.get(target.nodeId) ?? ring(target.nodeId);
    if (known !== undefined) return await this.#locateKnown(target, known);
    if (target.host === undefined) throw unknownTarget(target.nodeId);
    if (!allowsAnyTarget) throw foreignTarget(target.nodeId);
    const addresses = await this.#addressesOf(target.host);
    return await this.#place(addresses, target.port ?? usualPort, target.host);
  }

  async #locateKnown(target: PeerTarget, known: RingPlace): Promise<PeerPlace> {
    const port = known.port ?? target.port ?? usualPort;
    let addresses = await this.#addressesOf(known.host);
    if (target.host !== undefined && target.host !== known.host) {
      const named = new Set(await this.#addressesOf(target.host));
      addresses = addresses.filter((address) => named.has(address));
    }
    if (addresses.length === 0 || (target.port ?? port) !== port) {
      const named = `${target.host ?? known.host}:${target.port ?? port}`;
      throw refused(
        "PERMISSION_DENIED",
        `the node ${quoted(target.nodeId)} is known at ${known.host}:${port}, not at ${named}`,
      );
    }
    return await this.#place(addresses, port, target.host ?? known.host);
  }

  /** At least one, each in one form. Throws PERMISSION_DENIED where one of them is forbidden: such a name is not trusted. */
  async #addressesOf(host: string): Promise<string[]> {
    let found: readonly string[];
    try {
      found = parseAddress(host) === undefined ? await this.#options.resolve(host) : [host];
    } catch (cause) {
      throw new StorageError("UNAVAILABLE", `cannot find the host ${quoted(host)}: ${messageOf(cause)}`, {
        cause,
      });
    }
    if (found.length === 0) throw refused("UNAVAILABLE", `the host ${quoted(host)} has no address`);
    return found.map((text) => checkedAddress(text, host));
  }

  async #place(addresses: readonly string[], port: number, serverName: string): Promise<PeerPlace> {
    const own = this.#options.own();
    if (port === own.port) {
      const isOwn = await this.#ownAddresses(own.host);
      if (addresses.some(isOwn)) throw isItself(`${addresses[0]}:${port}`);
    }
    return { address: addresses[0]!, port, serverName };
  }

  /** One that listens on some of the machine's addresses may have neighbours on the others. */
  async #ownAddresses(host: string): Promise<(address: string) => boolean> {
    if (host === "0.0.0.0" || host === "::") return this.#options.isOwnAddress;
    const bytes = parseAddress(host);
    const addresses = bytes === undefined ? await this.#options.resolve(host) : [hostOf(bytes)];
    return (address) => addresses.includes(address);
  }
}

function checkedAddress(text: string, host: string): string {
  const bytes = parseAddress(text);
  const what = bytes === undefined ? "no address that can be checked" : forbiddenKind(bytes);
  if (bytes !== undefined && what === undefined) return hostOf(bytes);
  const named = text === host ? text : `${host} (${text})`;
  throw refused("PERMISSION_DENIED", `the target ${named} is ${what}, which no node may be called at`);
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port <= 65_535;
}

function refused(code: "INVALID_ARGUMENT" | "PERMISSION_DENIED" | "UNAVAILABLE", message: string) {
  return new StorageError(code, message);
}

function isItself(what: string): StorageError {
  return refused("INVALID_ARGUMENT", `the target ${quoted(what)} is this node itself`);
}

function unknownTarget(nodeId: string): StorageError {
  return refused(
    "INVALID_ARGUMENT",
    `the node ${quoted(nodeId)} is not known: it is neither a member of the ring nor in cluster.peers`,
  );
}

function foreignTarget(nodeId: string): StorageError {
  return refused(
    "PERMISSION_DENIED",
    `the node ${quoted(nodeId)} may not be a target: it is neither a member of the ring nor in cluster.peers, ` +
      "and cluster.allow_any_target is not set",
  );
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
