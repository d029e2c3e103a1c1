/**
 * `pairdb.admin.v1.AdminService`: one node as its operators see it, and what can be asked of it as a whole.
 *
 * What it answers is bounded: lists come in pages, and calls that stay or that work for long have a number of places.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BackupControl } from "../../backup/backup-runner.ts";
import { StorageError } from "../../base/errors.ts";
import {
  AdminService,
  type DrainFiguresSchema,
  type SlowRequestSchema,
  type TableSchema,
} from "../../gen/pairdb/admin/v1/admin_pb.ts";
import type { StreamControl } from "../../migration/streams/streams.ts";
import type { Administration } from "../../node/administration/administration.ts";
import type { TablePage } from "../../node/administration/tables.ts";
import type { StorageNode } from "../../node/storage-node.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Endpoint, endlessStream, unary } from "../endpoint.ts";
import { Places } from "../places.ts";
import { Pulse } from "../pulse.ts";
import { compact } from "./compact.ts";
import { createBackup } from "./create-backup.ts";
import { commonFigures, levelFigures, storeFigures, wide } from "./figures.ts";
import { identityOf } from "./identity.ts";
import { type AdminSources, logLevels, type SlowCallReport } from "./sources.ts";
import { StatsSampler } from "./stats-sampler.ts";
import { streamInfo } from "./stream-info.ts";
import { tailLog } from "./tail-log.ts";

export interface AdminServiceOptions {
  readonly clock: Clock;
  /** These are asked for at each call: the edge stands before the node has recovered. */
  readonly node: () => StorageNode;
  readonly administration: () => Administration;
  readonly streams: () => StreamControl;
  readonly backups: () => BackupControl;
  readonly sources: AdminSources;
}

const { method } = AdminService;

const defaultPageSize = 100;
const mostPageSize = 1000;
const defaultIntervalMs = 1000;
const shortestIntervalMs = 500;
const longestIntervalMs = 60_000;
const minuteMs = 60_000;

export function adminEndpoints(options: AdminServiceOptions): Endpoint[] {
  return [
    unary(method.whoAmI, (_, { identity }) => identityOf(identity)),
    ...lookingEndpoints(options),
    ...storeEndpoints(options),
    ...processEndpoints(options),
  ];
}

/** Those that change nothing. */
function lookingEndpoints({
  clock,
  node,
  administration,
  streams,
  sources,
}: AdminServiceOptions): Endpoint[] {
  const watchers = new Places(100, "WatchStats");
  const tails = new Places(20, "TailLog");
  return [
    unary(method.getStatus, () => {
      const status = administration().status();
      const { nodeId, version, startedAtMs, log, access } = sources;
      return {
        nodeId,
        version,
        startedAtUnixMs: wide(startedAtMs),
        uptimeSeconds: sources.uptimeMs() / 1000,
        ...commonFigures(sources, status, minuteMs),
        store: storeFigures(status),
        logLevel: log.level,
        access: { ...access, anonymousScopes: [...access.anonymousScopes] },
        drain: drainFigures(node()),
      };
    }),

    unary(method.listLevels, () => ({ levels: administration().status().levels.map(levelFigures) })),

    unary(method.listTables, ({ level, pageSize, pageToken }) => {
      const request = { level, pageSize: checkedPageSize(pageSize), pageToken };
      const { tables, nextPageToken } = administration().listTables(request);
      return { tables: tables.map(tableMessage), nextPageToken };
    }),

    unary(method.listTenants, async ({ pageSize, pageToken }) => {
      const { tenants, hasMore } = await administration().listTenants(pageToken, checkedPageSize(pageSize));
      return {
        tenants: tenants.map(({ tenantId, approximateTableBytes, approximateMemtableBytes }) => ({
          tenantId,
          approximateTableBytes: wide(approximateTableBytes),
          approximateMemtableBytes: wide(approximateMemtableBytes),
        })),
        nextPageToken: hasMore ? tenants.at(-1)!.tenantId : "",
      };
    }),

    unary(method.listMembers, () => {
      const { members, recentEvents } = sources.ring();
      return {
        members: [...members],
        recentEvents: recentEvents.map(({ atMs, ...event }) => ({ timeUnixMs: wide(atMs), ...event })),
      };
    }),

    unary(method.listStreams, () => ({ streams: streams().list().map(streamInfo) })),

    unary(method.slowRequests, () => ({ requests: sources.slowCalls().map(slowRequest) })),

    endlessStream(method.tailLog, (request) =>
      tailLog(sources.recentLines, request, clock, () => tails.take()),
    ),

    unary(method.getConfiguration, () => ({ settings: [...sources.settings()] })),

    endlessStream(method.watchStats, ({ intervalMs }) => {
      const sampler = new StatsSampler(clock, sources, administration());
      return new Pulse({
        clock,
        intervalMs: checkedInterval(intervalMs),
        sample: () => sampler.sample(),
        ended: watchers.take(),
      });
    }),
  ];
}

function storeEndpoints({ clock, node, administration, backups }: AdminServiceOptions): Endpoint[] {
  const compactions = new Places(8, "Compact");
  const checkpoints = new Places(2, "Checkpoint");
  return [
    unary(method.flush, async () => {
      const startedAtMs = clock.monotonicMs();
      await administration().flush();
      return { durationSeconds: (clock.monotonicMs() - startedAtMs) / 1000 };
    }),

    // It goes on by itself, and a node that stops does not wait for it.
    endlessStream(method.compact, (range) => compact(administration(), range, clock, compactions)),

    unary(method.checkpoint, async ({ name }) => {
      const giveBack = checkpoints.take();
      try {
        const { directory, sequence, tableCount, sizeBytes, copiedBytes } =
          await administration().checkpoint(name);
        return {
          directory,
          sequence: wide(sequence),
          tableCount,
          sizeBytes: wide(sizeBytes),
          copiedBytes: wide(copiedBytes),
        };
      } finally {
        giveBack();
      }
    }),

    endlessStream(method.createBackup, () => createBackup(backups(), clock)),

    unary(method.pauseCompaction, () => {
      administration().pauseCompaction();
      return { runningCount: administration().status().runningCompactionCount };
    }),

    unary(method.resumeCompaction, () => {
      administration().resumeCompaction();
      return {};
    }),

    unary(method.deleteTenant, async ({ tenantId, confirmTenantId }) => {
      if (confirmTenantId !== tenantId) {
        throw new StorageError(
          "INVALID_ARGUMENT",
          "confirm_tenant_id is not tenant_id: name the tenant twice, since nothing brings its records back",
        );
      }
      const approximateBytes = wide(administration().approximateTenantBytes(tenantId));
      await node().deleteTenant(tenantId);
      return { approximateBytes, isLocalOnly: true };
    }),

    unary(method.undrain, async () => ({ wasDraining: await node().drain.end() })),
  ];
}

function processEndpoints({ sources }: AdminServiceOptions): Endpoint[] {
  return [
    unary(method.setLogLevel, (request) => {
      const level = logLevels.find((each) => each === request.level);
      if (level === undefined) {
        throw new StorageError("INVALID_ARGUMENT", `level is none; allowed is ${logLevels.join(", ")}`);
      }
      const previousLevel = sources.log.level;
      sources.log.level = level;
      return { previousLevel };
    }),
  ];
}

function drainFigures({ drain }: StorageNode): MessageInitShape<typeof DrainFiguresSchema> {
  const { state, left } = drain.status();
  return { state, left: [...left] };
}

function slowRequest(call: SlowCallReport): MessageInitShape<typeof SlowRequestSchema> {
  const { endedAtMs, durationMs, valueBytes, ...rest } = call;
  return {
    ...rest,
    endedAtUnixMs: wide(endedAtMs),
    durationSeconds: durationMs / 1000,
    valueBytes: wide(valueBytes),
  };
}

function tableMessage(table: TablePage["tables"][number]): MessageInitShape<typeof TableSchema> {
  return {
    level: table.level,
    number: wide(table.fileNumber),
    sizeBytes: wide(table.sizeBytes),
    uncompressedSizeBytes: wide(table.uncompressedSizeBytes),
    entryCount: wide(table.entryCount),
    tombstoneCount: wide(table.tombstoneCount),
    smallestKey: table.smallestKey,
    largestKey: table.largestKey,
    smallestSequence: wide(table.smallestSequence),
    largestSequence: wide(table.largestSequence),
    createdAtUnixMs: wide(table.createdAtMs),
  };
}

function checkedPageSize(pageSize: number): number {
  if (pageSize <= mostPageSize) return pageSize === 0 ? defaultPageSize : pageSize;
  throw new StorageError("INVALID_ARGUMENT", `page_size is ${pageSize}; allowed is 1 to ${mostPageSize}`);
}

function checkedInterval(intervalMs: number): number {
  if (intervalMs === 0) return defaultIntervalMs;
  if (intervalMs >= shortestIntervalMs && intervalMs <= longestIntervalMs) return intervalMs;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `interval_ms is ${intervalMs}; allowed is ${shortestIntervalMs} to ${longestIntervalMs}`,
  );
}
