/** Calls to other nodes, as the configuration says: whom, and what they are shown. */
import { readAuthorization } from "../auth/held-token.ts";
import { StorageError } from "../base/errors.ts";
import type { ClusterTls } from "../config/cluster-values.ts";
import type { Configuration } from "../config/resolve.ts";
import type { PeerCredentials, PeerTls } from "../peers/peer-credentials.ts";
import { PeerDirectory } from "../peers/peer-directory.ts";
import { type RingPlace, TargetPolicy } from "../peers/target-policy.ts";
import type { Clock } from "../platform/clock.ts";
import { isAddressOfMachine } from "../platform/network-addresses.ts";
import { systemResolver } from "../platform/resolver.ts";
import { fileFingerprint } from "../platform/secret-files.ts";
import { WatchedFiles } from "../platform/watched-files.ts";
import type { Logger } from "../telemetry/logger.ts";
import { readCertificates, readKeyOf } from "./pem-files.ts";

export interface ClusterParts {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The port of gRPC that is in use. */
  readonly grpcPort: () => number;
  /** Where a member of the ring is; undefined for who is none. */
  readonly ring: (nodeId: string) => RingPlace | undefined;
}

export interface Cluster {
  readonly peers: PeerDirectory;
  /** What this node shows of itself, as of now. */
  credentials(): PeerCredentials;
  /** Reads the files anew. */
  reload(): void;
  stop(): void;
}

/** Throws INVALID_ARGUMENT where a file that is named cannot be used. */
export function createCluster({ configuration, clock, logger, grpcPort, ring }: ClusterParts): Cluster {
  const { cluster, server } = configuration;
  const { token_file, tls } = cluster;
  const paths = [token_file, tls?.ca_file, tls?.cert_file, tls?.key_file].filter(
    (path) => path !== undefined,
  );
  const files = new WatchedFiles({
    read: () => readCredentials(cluster),
    fingerprint: () => paths.map(fileFingerprint).join(" "),
    clock,
    changed: () => logger.info("credentials for other nodes read", { files: paths }),
    refused: (error) =>
      logger.error("the credentials for other nodes cannot be used; those read before stay in force", {
        error,
      }),
  });
  const policy = new TargetPolicy({
    nodeId: server.node_id,
    own: () => ({ host: server.host, port: grpcPort() }),
    isOwnAddress: isAddressOfMachine,
    configured: new Map(Object.entries(cluster.peers)),
    ring,
    allowsAnyTarget: cluster.allow_any_target,
    resolve: systemResolver,
  });
  return {
    peers: new PeerDirectory(policy, () => files.current),
    credentials: () => files.current,
    reload: () => {
      if (paths.length > 0) files.reload();
    },
    stop: () => files.stop(),
  };
}

function readCredentials({ token_file, tls }: Configuration["cluster"]): PeerCredentials {
  return {
    authorization: token_file === undefined ? undefined : readToken(token_file),
    tls: tls === undefined ? undefined : readTls(tls),
  };
}

function readToken(path: string): string {
  try {
    return readAuthorization(path);
  } catch (cause) {
    if (!(cause instanceof StorageError)) throw cause;
    throw new StorageError("INVALID_ARGUMENT", `cluster.token_file: ${cause.message}`, { cause });
  }
}

function readTls({ ca_file, cert_file, key_file, server_name }: ClusterTls): PeerTls {
  const certificate =
    cert_file === undefined ? undefined : readCertificates("cluster.tls.cert_file", cert_file);
  return {
    authority: ca_file === undefined ? undefined : readCertificates("cluster.tls.ca_file", ca_file),
    certificate,
    key:
      certificate === undefined || cert_file === undefined || key_file === undefined
        ? undefined
        : readKeyOf(certificate, "cluster.tls", { cert_file, key_file }),
    serverName: server_name,
  };
}
