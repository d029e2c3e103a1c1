/** The node's registration with a coordinator, as its configuration says. */
import type { ProcessEnvironment } from "../config/environment.ts";
import type { Configuration } from "../config/resolve.ts";
import type { PeerCredentials } from "../peers/peer-credentials.ts";
import { registerNode } from "../peers/registration/coordinator.ts";
import { Registrar } from "../peers/registration/registrar.ts";
import { RegistrationRecord } from "../peers/registration/registration-record.ts";
import type { Clock } from "../platform/clock.ts";
import type { FileSystem } from "../platform/file-system.ts";
import { firstNetworkAddress } from "../platform/network-addresses.ts";
import type { Logger } from "../telemetry/logger.ts";

export interface RegistrationParts {
  readonly configuration: Configuration;
  readonly variables: ProcessEnvironment;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly credentials: () => PeerCredentials;
  /** The port of gRPC that is in use. */
  readonly grpcPort: () => number;
}

/** Undefined where there is to be none. */
export function createRegistrar(parts: RegistrationParts): Registrar | undefined {
  const { configuration, variables, files, clock, logger, credentials, grpcPort } = parts;
  const { coordinator, server, storage } = configuration;
  const { host, port } = coordinator;
  if (!coordinator.enabled || host === undefined) return undefined;
  const address = `${host}:${port}`;
  const fields = { coordinator: address };
  const registration = () => ({
    nodeId: server.node_id,
    host: announcedHost(configuration, variables),
    port: grpcPort(),
    virtualNodes: coordinator.virtual_nodes,
  });
  return new Registrar({
    as: { coordinator: address, nodeId: server.node_id },
    register: () => registerNode({ host, port }, registration(), credentials),
    record: new RegistrationRecord(files, storage.data_dir),
    clock,
    retryIntervalMs: coordinator.retry_interval,
    maxRetries: coordinator.max_retries,
    observer: {
      known: () => logger.info("registered with the coordinator before", fields),
      registered: () => logger.info("registered with the coordinator", { ...fields, ...registration() }),
      failed: (error, isLast) => {
        const next = isLast ? "not tried again before the next start" : "tried again";
        logger.warn(`cannot register with the coordinator; ${next}`, { ...fields, error });
      },
      notNoted: (error) =>
        logger.warn("registered with the coordinator, which cannot be noted in the data directory", {
          ...fields,
          error,
        }),
    },
  });
}

/** Where the coordinator and other nodes reach this one: its name or address in Kubernetes, or the configured host. */
export function announcedHost({ server, gossip }: Configuration, variables: ProcessEnvironment): string {
  const { POD_NAMESPACE: namespace, POD_IP: podAddress } = variables;
  if (namespace) return `${server.node_id}.pairdb-storage-node-headless.${namespace}.svc.cluster.local`;
  if (podAddress) return podAddress;
  const isEverywhere = server.host === "0.0.0.0" || server.host === "::";
  return gossip.advertise_host ?? (isEverywhere ? firstNetworkAddress() : server.host) ?? server.host;
}
