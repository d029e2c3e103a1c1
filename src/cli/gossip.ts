/** The node's place in a ring, as its configuration says. */

import { StorageError } from "../base/errors.ts";
import { hostOf, parseAddress } from "../base/ip-address.ts";
import { version } from "../base/version.ts";
import type { Configuration } from "../config/resolve.ts";
import { parseKeys } from "../gossip/key-file.ts";
import { isGone } from "../gossip/member.ts";
import { RingMember } from "../gossip/ring-member.ts";
import { defaultLimits, defaultTiming } from "../gossip/settings.ts";
import { Keyring } from "../gossip/wire/keyring.ts";
import { maxMetaBytes } from "../gossip/wire/messages.ts";
import type { RingPlace } from "../peers/target-policy.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { firstNetworkAddress } from "../platform/network-addresses.ts";
import type { Random } from "../platform/random.ts";
import { systemResolver } from "../platform/resolver.ts";
import { readSecretFile } from "../platform/secret-files.ts";
import { systemSecrets } from "../platform/secrets.ts";
import { announcedPort, encodeAnnouncement } from "../server/announcement.ts";
import { FigureSource, type FigureSources } from "../server/figure-source.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";

export interface GossipParts extends Omit<FigureSources, "calls" | "clock"> {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly grpcPort: number;
}

export interface Gossip {
  /** Where a member serves gRPC; undefined for who is none, or not any more. */
  placeOf(nodeId: string): RingPlace | undefined;
  /** Reads the keys anew. */
  reload(): void;
  /** Says goodbye. */
  leave(): Promise<void>;
}

/** How soon others hear that the node's status is another one. */
const statusIntervalMs = 1000;

const leaveTimeoutMs = 3000;

/** The keyring of `gossip.key_file`; undefined where none is named. Throws INVALID_ARGUMENT for a file without keys. */
export function readKeyring({ key_file }: Configuration["gossip"]): Keyring | undefined {
  return key_file === undefined
    ? undefined
    : new Keyring(parseKeys(readSecretFile(key_file), key_file), systemSecrets);
}

/** Listens, and joins in the background; undefined where there is to be no gossip. */
export async function startGossip(parts: GossipParts): Promise<Gossip | undefined> {
  const { configuration, clock, random, logger, telemetry } = parts;
  const { gossip, server } = configuration;
  if (!gossip.enabled) return undefined;
  const keyring = readKeyring(gossip);
  const announcer = new Announcer(parts);
  const ring = await RingMember.start({
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
      meta: announcer.text(),
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
  telemetry.gossipObserver.observe(() => ({ members: ring.members, healthScore: ring.node.healthScore }));
  announcer.start((meta) => ring.node.updateMeta(meta));
  const { address, port } = ring.node.self;
  logger.info("gossip", {
    host: server.host,
    port,
    advertised: hostOf(address),
    sealed: keyring !== undefined,
  });
  return {
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

/** Keeps what the ring is told of this node up to date. */
class Announcer {
  readonly #parts: GossipParts;
  readonly #figures: FigureSource;
  #status = "";
  #toldAtMs = 0;
  #timer: Timer | undefined;

  constructor(parts: GossipParts) {
    this.#parts = parts;
    this.#figures = new FigureSource({ ...parts, calls: () => parts.telemetry.rpcObserver.calls() });
  }

  text(): Uint8Array {
    const { configuration, clock, grpcPort } = this.#parts;
    this.#status = this.#statusNow();
    this.#toldAtMs = clock.monotonicMs();
    const announcement = {
      nodeId: configuration.server.node_id,
      status: this.#status,
      timestampMs: clock.nowMs(),
      grpcPort,
      version,
      figures: this.#figures.read(),
    };
    return encodeAnnouncement(announcement, maxMetaBytes);
  }

  /** A new status at once, figures every `gossip.gossip_interval`. */
  start(tell: (meta: Uint8Array) => void): void {
    const { configuration, clock } = this.#parts;
    this.#timer = clock.after(statusIntervalMs, () => {
      const isChanged = this.#statusNow() !== this.#status;
      const isOld = clock.monotonicMs() - this.#toldAtMs >= configuration.gossip.gossip_interval;
      if (isChanged || isOld) tell(this.text());
      this.start(tell);
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** That of the health, unless the node is to be removed. */
  #statusNow(): string {
    const { health } = this.#parts.telemetry;
    return health.isDraining ? "draining" : health.health().status;
  }
}
