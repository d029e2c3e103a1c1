/** All services of the node, whichever port they are called by. */
import type { BackupControl } from "../backup/backup-runner.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { AdminService } from "../gen/pairdb/admin/v1/admin_pb.ts";
import { StorageNodeService } from "../gen/storage/storage_node_pb.ts";
import type { Peers } from "../migration/peer.ts";
import { Replicator } from "../migration/replicate.ts";
import type { StreamControl } from "../migration/streams/streams.ts";
import type { Administration } from "../node/administration/administration.ts";
import type { StorageNode } from "../node/storage-node.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import { adminEndpoints } from "../rpc/admin/admin-service.ts";
import type { AdminSources } from "../rpc/admin/sources.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { healthEndpoints, wholeNode } from "../rpc/health/health-service.ts";
import { reflectionEndpoints } from "../rpc/reflection/reflection-service.ts";
import { storageEndpoints } from "../rpc/storage-service.ts";
import { streamEndpoints } from "../rpc/stream-endpoints.ts";
import type { HealthSource } from "../telemetry/health/health-types.ts";
import type { ServerSettings } from "./settings.ts";

export interface NodeServicesOptions {
  readonly settings: ServerSettings;
  readonly clock: Clock;
  readonly random: Random;
  /** The other nodes. */
  readonly peers: Peers;
  readonly health: HealthSource;
  /** These throw UNAVAILABLE while the node is not open. */
  readonly node: () => StorageNode;
  readonly administration: () => Administration;
  readonly streams: () => StreamControl;
  readonly backups: () => BackupControl;
  readonly adminSources: AdminSources;
  /** Whether the gate lets calls in. */
  readonly isOpen: () => boolean;
}

const services = [StorageNodeService, AdminService, Health, ServerReflection, ServerReflectionAlpha];

/** Services that are called while the node starts and stops too. */
export const alwaysOpenServices: ReadonlySet<string> = new Set([Health.typeName]);

export function nodeEndpoints(options: NodeServicesOptions): Endpoint[] {
  const { settings, clock, random, peers, health, node, administration, streams, backups, adminSources } =
    options;
  return [
    ...storageEndpoints({
      node,
      health: () => health.health(),
      maxResponseBytes: settings.maxResponseBytes,
      replicator: new Replicator({ node, peers, clock, random }),
    }),
    ...streamEndpoints({ streams }),
    ...adminEndpoints({ clock, node, administration, streams, backups, sources: adminSources }),
    ...healthEndpoints({ clock, services: servingStates(options) }),
    ...reflectionEndpoints(services),
  ];
}

/** Data is served where the node is ready, what tools and operators ask for as soon as the gate is open. */
function servingStates({ health, isOpen }: NodeServicesOptions): ReadonlyMap<string, () => boolean> {
  const isReady = () => health.readiness().ready;
  return new Map([
    [wholeNode, isReady],
    ...services.map(({ typeName }) => [typeName, isOpen] as const),
    [StorageNodeService.typeName, isReady],
    [Health.typeName, () => true],
  ]);
}
