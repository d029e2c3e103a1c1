/** The node's place in a ring, as its configuration says. */

import { StorageError } from "../base/errors.ts";
import { hostOf, parseAddress } from "../base/ip-address.ts";
import type { Configuration } from "../config/resolve.ts";
import { parseKeys } from "../gossip/key-file.ts";
import { isGone } from "../gossip/member.ts";
import { RingMember } from "../gossip/ring-member.ts";
import { defaultLimits, defaultTiming } from "../gossip/settings.ts";
import { Keyring } from "../gossip/wire/keyring.ts";
import type { RingPlace } from "../peers/target-policy.ts";
import { firstNetworkAddress } from "../platform/network-addresses.ts";
import type { Random } from "../platform/random.ts";
import { systemResolver } from "../platform/resolver.ts";
import { readSecretFile } from "../platform/secret-files.ts";
import { systemSecrets } from "../platform/secrets.ts";
import { announcedPort } from "../server/announcement.ts";
import { Announcer, type AnnouncerParts } from "../server/announcer.ts";
import type { Logger } from "../telemetry/logger.ts";

export interface GossipParts extends AnnouncerParts {
  readonly random: Random;
  readonly logger: Logger;
}

export interface Gossip {
  /** Answers members from now on, and joins in the background. The node serves. */
  join(): void;
  /** Where a member serves gRPC; undefined for who is none, or not any more. */
  placeOf(nodeId: string): RingPlace | undefined;
  /** Reads the keys anew. */
  reload(): void;
  /** Says goodbye, where it has joined, and gives the port back. */
  leave(): Promise<void>;
  /** Gives the port back without a word; after `leave` nothing is left to do. */
  close(): void;
}

const leaveTimeoutMs = 3000;

/** The keyring of `gossip.key_file`; undefined where none is named. Throws INVALID_ARGUMENT for a file without keys. */
export function readKeyring({ key_file }: Configuration["gossip"]): Keyring | undefined {
  return key_file === undefined
    ? undefined
    : new Keyring(parseKeys(readSecretFile(key_file), key_file), systemSecrets);
}

/**
 * Takes the port and checks all that is configured, before the node serves; undefined where there is to be no gossip.
 * Throws UNAVAILABLE and INVALID_ARGUMENT.
 */
export async function openGossip(parts: GossipParts): Promise<Gossip | undefined> {
  const { configuration, clock, random, logger, telemetry } = parts;
  const { gossip, server } = configuration;
  if (!gossip.enabled) return undefined;
  const keyring = readKeyring(gossip);
  const announcer = new Announcer(parts);
  const ring = await RingMember.open({
    host: server.host,
    seeds: gossip.seed_nodes,
    seedPort: gossip.bind_port,
    clock,
    random,
    resolve: systemResolver,
    observer: telemetry.gossipObserver,
    packetHandled: (durationMs) => telemetry.gossipObserver.packetHandled(durationMs),
    delegate: {
      localState: () => announcer.text(),
      // Other nodes' states are those of their metadata.
      mergeRemoteState: () => undefined,
      messageReceived: () => undefined,
    },
    settings: {
      name: server.node_id,
      address: await advertisedAddress(configuration),
      port: gossip.bind_port,
      meta: new Uint8Array(0),
      delegateVersions: gossip.delegate_versions,
      label: gossip.label ?? "",
      keyring,
      compresses: true,
      timing: {
        ...defaultTiming,
        probeIntervalMs: gossip.probe_interval,
        probeTimeoutMs: gossip.probe_timeout,
        deadReclaimMs: 30_000,
      },
      limits: defaultLimits,
    },
  });
  telemetry.gossipObserver.observe(() => ({
    members: ring.members,
    healthScore: ring.node.healthScore,
    hasSilentSeeds: ring.hasSilentSeeds,
  }));
  const { address, port } = ring.node.self;
  const fields = { host: server.host, port, advertised: hostOf(address), sealed: keyring !== undefined };
  return {
    join: () => {
      ring.join(announcer.text());
      announcer.start((meta) => ring.node.updateMeta(meta));
      logger.info("gossip", fields);
    },
    placeOf: (nodeId) => {
      const member = ring.node.member(nodeId);
      if (member === undefined || isGone(member)) return undefined;
      return { host: hostOf(member.address), port: announcedPort(member.meta) };
    },
    reload: () => reloadKeys(gossip, keyring, logger),
    leave: async () => {
      announcer.stop();
      await ring.leave(leaveTimeoutMs);
    },
    close: () => {
      announcer.stop();
      ring.close();
    },
  };
}

function reloadKeys(
  { key_file }: Configuration["gossip"],
  keyring: Keyring | undefined,
  logger: Logger,
): void {
  if (key_file === undefined || keyring === undefined) return;
  try {
    keyring.replace(parseKeys(readSecretFile(key_file), key_file));
    logger.info("gossip keys read", { file: key_file });
  } catch (error) {
    logger.error("the gossip keys cannot be used; those read before stay good", { error });
  }
}

/** Where others reach the node: as the operator says, or where it listens, or the machine's first address. */
async function advertisedAddress({ gossip, server }: Configuration): Promise<Uint8Array> {
  const isEverywhere = server.host === "0.0.0.0" || server.host === "::";
  const host = gossip.advertise_host ?? (isEverywhere ? firstNetworkAddress() : server.host) ?? "127.0.0.1";
  const [text = ""] = parseAddress(host) === undefined ? await systemResolver(host) : [host];
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `${host} is no address that others could reach; set gossip.advertise_host`,
  );
}
