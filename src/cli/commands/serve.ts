/** `serve`: runs a node until it is told to stop. */
import type { Command } from "commander";
import { version } from "../../base/version.ts";
import { engineOverrides } from "../../config/engine-overrides.ts";
import { exposureWarnings, refuseUnaskedExposure } from "../../config/exposure.ts";
import type { Configuration } from "../../config/resolve.ts";
import { Engine } from "../../engine/engine.ts";
import { bothObservers, type EngineObserver } from "../../engine/observer.ts";
import { engineOptions } from "../../engine/options.ts";
import type { Peers } from "../../migration/peer.ts";
import { Streams } from "../../migration/streams/streams.ts";
import { Administration } from "../../node/administration/administration.ts";
import { DiskGuard } from "../../node/disk-guard.ts";
import { Drain } from "../../node/drain.ts";
import { StorageNode } from "../../node/storage-node.ts";
import { readMemoryStatus } from "../../platform/memory-status.ts";
import { cpuTimeMs, readProcessStatus } from "../../platform/process-status.ts";
import type { LoadStatus } from "../../rpc/observer.ts";
import type { OverloadLimits } from "../../rpc/overload/admission.ts";
import { adminSources } from "../../server/admin-sources.ts";
import { NodeServer, type OpenStore } from "../../server/node-server.ts";
import { type ServerSettings, serverSettings } from "../../server/settings.ts";
import { onHangUp, onStopSignals } from "../../server/signals.ts";
import type { TlsSource } from "../../server/tls-source.ts";
import type { Logger } from "../../telemetry/logger.ts";
import { createNodeLog, type NodeLog } from "../../telemetry/node-log.ts";
import { Telemetry } from "../../telemetry/telemetry.ts";
import type { Tracing } from "../../telemetry/tracing.ts";
import { createAuthentication } from "../authentication.ts";
import { createBackups } from "../backups/node-backups.ts";
import { createCluster } from "../cluster.ts";
import { describeCommand } from "../command.ts";
import { type ConfigurationOptions, configurationOf } from "../configuration.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { type Gossip, openGossip } from "../gossip.ts";
import { healthSettings, storeDirectories } from "../health.ts";
import { createRegistrar } from "../registration.ts";
import { createTls } from "../tls-files.ts";
import { createTracing } from "../tracing.ts";

/** `--insecure` says what `auth.mode: none` says. */
const insecureFlag = ["auth.mode", { flag: "--insecure", value: "none" }] as const;

interface ServeOptions extends ConfigurationOptions {
  readonly insecure?: true;
  readonly undrain?: true;
}

export function serveCommand(context: CommandContext): Command {
  return describeCommand("serve", "Run a node until SIGTERM or SIGINT.", [
    "serve",
    "serve --data-dir /var/lib/pairdb --grpc-port 50052 --http-port 9091",
    "serve --config /etc/pairdb/config.yaml",
  ])
    .option("--config <file>", "YAML file; CONFIG_PATH names one too")
    .option("--data-dir <directory>", "where the data lies (default ./data)")
    .option("--host <address>", "address of both ports (default 127.0.0.1)")
    .option("--grpc-port <port>", "port for gRPC (default 50052); 0 takes a free one")
    .option("--http-port <port>", "port for HTTP (default 9091); 0 takes a free one")
    .option("--node-id <id>", "name of this node (default: the host's name)")
    .option("--insecure", "lets everybody in who reaches the address; needed off loopback")
    .option("--undrain", "take writes again, if the node was drained before it stopped")
    .option("--log-format <name>", "json or pretty (default json)")
    .action((options: ServeOptions) => serve(context, options));
}

async function serve(context: CommandContext, options: ServeOptions): Promise<void> {
  const further = options.insecure ? [insecureFlag] : [];
  const { configuration, warnings } = configurationOf(context, options, further);
  refuseUnaskedExposure(configuration);
  const { level, format } = configuration.logging;
  const logOptions = { nodeId: configuration.server.node_id, level, format };
  const logger = createNodeLog(logOptions, context.environment.clock);
  for (const warning of [...warnings, ...exposureWarnings(configuration)]) logger.warn(warning);
  const isClean = await runNode(context, configuration, logger, options.undrain === true);
  if (!isClean) context.exitCode = exitCodes.failure;
}

/** Resolves with whether the node ended cleanly; rejects when it could not start. */
async function runNode(
  context: CommandContext,
  configuration: Configuration,
  logger: NodeLog,
  undrains: boolean,
): Promise<boolean> {
  const { clock, random, files, variables } = context.environment;
  const surroundings = {
    clock,
    processStatus: readProcessStatus,
    memoryStatus: readMemoryStatus,
    cpuTimeMs,
    diskUsage: () => files.usage(configuration.storage.data_dir),
  };
  const telemetry = new Telemetry({
    ...surroundings,
    nodeId: configuration.server.node_id,
    version,
    logger,
  });
  const authentication = createAuthentication(configuration, clock, logger);
  const tls = createTls(configuration, clock, logger, telemetry);
  const tracing = await createTracing(configuration, { clock, random, logger, counts: telemetry.spanCounts });
  let gossip: Gossip | undefined;
  const grpcPort = () => server.grpcPort;
  const cluster = createCluster({
    configuration,
    clock,
    logger,
    grpcPort,
    ring: (nodeId) => gossip?.placeOf(nodeId),
  });
  const { credentials } = cluster;
  const registrar = createRegistrar({
    configuration,
    variables,
    files,
    clock,
    logger,
    credentials,
    grpcPort,
  });
  const ignoreHangUps = onHangUp(() => {
    authentication.reload();
    tls?.reload();
    cluster.reload();
    gossip?.reload();
  });
  const server: NodeServer = new NodeServer({
    settings: edgeSettings(configuration, tls),
    clock,
    random,
    peers: cluster.peers,
    authenticator: authentication.authenticator,
    observer: telemetry.rpcObserver,
    http2Observer: telemetry.http2Observer,
    tracer: tracing,
    health: telemetry.health,
    onLag: (listener) => telemetry.onLag(listener),
    adminSources: adminSources({ ...surroundings, configuration, telemetry, logger }),
    metricsText: () => telemetry.metricsText(),
    openStore: async () => {
      logger.info("recovering", { http_port: server.httpPort, data_dir: configuration.storage.data_dir });
      const observer = tracedObserver(telemetry, tracing);
      const store = await openStore(
        context,
        configuration,
        telemetry,
        observer,
        cluster.peers,
        () => server.load,
      );
      await tellOfDrain(store.node.drain, undrains, logger);
      return store;
    },
    onServing: () => {
      telemetry.health.serving();
      if (!telemetry.health.isDraining) void registrar?.start();
      logger.info("serving", {
        host: configuration.server.host,
        grpc_port: server.grpcPort,
        http_port: server.httpPort,
        version,
      });
    },
    onStopping: () => telemetry.health.stopping(),
  });
  const cacheCounts = () => telemetry.cacheCounts();
  const parts = {
    ...surroundings,
    configuration,
    random,
    logger,
    telemetry,
    grpcPort,
    cacheCounts,
  };
  try {
    gossip = await openGossip(parts);
    return await untilStopped(context, server, logger, gossip);
  } finally {
    gossip?.close();
    ignoreHangUps();
    authentication.stop();
    tls?.stop();
    registrar?.stop();
    cluster.stop();
    telemetry.stop();
    await tracing?.stop();
    logger.tellSuppressed();
  }
}

/** Serves until the first signal and stops gracefully; a second signal ends the process where it is. */
async function untilStopped(
  context: CommandContext,
  server: NodeServer,
  logger: Logger,
  gossip: Gossip | undefined,
): Promise<boolean> {
  const stopped = Promise.withResolvers<boolean>();
  const stop = (reason: string): void => {
    logger.info("stopping", { reason });
    // Others hear of it while the last calls are answered.
    const ending = Promise.all([server.shutdown(), gossip?.leave()]);
    ending.then(([isClean]) => stopped.resolve(isClean), stopped.reject);
  };
  const ignoreSignals = onStopSignals({
    announce: () => {
      logger.info("not ready any more: a stop was announced");
      server.announceShutdown();
    },
    stop,
    stopAtOnce: (signal) => {
      logger.warn("stopped at once", { reason: signal });
      context.environment.exitAtOnce(exitCodes.failure);
    },
  });
  try {
    if (await server.start()) {
      gossip?.join();
      const { grpcPort, httpPort } = server;
      context.environment.onServing?.({ grpcPort, httpPort, stop: () => stop("asked to") });
    }
    const isClean = await stopped.promise;
    logger.info("stopped", { clean: isClean });
    return isClean;
  } finally {
    ignoreSignals();
  }
}

async function tellOfDrain(drain: Drain, undrains: boolean, logger: Logger): Promise<void> {
  if (undrains && (await drain.end())) logger.info("the node was draining, and takes writes again");
  else if (drain.status().state !== "serving") {
    logger.warn(
      'the node is draining and takes no writes; "pairdb-node undrain" or "serve --undrain" ends it',
    );
  }
}

function tracedObserver({ engineObserver }: Telemetry, tracing: Tracing | undefined): EngineObserver {
  return tracing === undefined ? engineObserver : bothObservers(tracing.engineObserver, engineObserver);
}

async function openStore(
  context: CommandContext,
  configuration: Configuration,
  telemetry: Telemetry,
  observer: EngineObserver,
  peers: Peers,
  load: () => LoadStatus,
): Promise<OpenStore> {
  const { clock, random, files, createJobRunner } = context.environment;
  const { storage, conflict, compaction, server, limits } = configuration;
  const engine = await Engine.open(
    { files, clock, random, observer, memoryStatus: readMemoryStatus },
    engineOptions(storage.data_dir, engineOverrides(configuration)),
    createJobRunner?.(files),
  );
  const diskGuard = new DiskGuard({
    maxDiskUsage: storage.max_disk_usage,
    probe: () => files.usage(storage.data_dir),
    clock,
    onStateChange: (state, usedShare) => telemetry.nodeObserver.diskStateChanged(state, usedShare),
  });
  const drain = new Drain({ store: engine, clock, activeStreams: () => streams.activeStreams() });
  const node = new StorageNode(
    { store: engine, diskGuard, drain, clock, observer: telemetry.nodeObserver },
    {
      nodeId: server.node_id,
      limits: { maxSiblings: conflict.max_siblings, maxRecordBytes: conflict.max_record_bytes },
      batchLimits: { maxEntries: limits.max_batch_entries, maxBytes: limits.max_batch_bytes },
      staleWrite: conflict.stale_write,
      gcGraceMs: compaction.gc_grace,
    },
  );
  telemetry.observe({
    engineStatus: () => engine.status(),
    diskState: () => diskGuard.state(),
    load,
    files,
    directories: storeDirectories(storage),
    healthSettings: healthSettings(configuration),
  });
  const administration = new Administration(engine, { checkpointDirectory: storage.checkpoint_dir });
  const backups = createBackups(context, configuration, engine, telemetry.backupObserver);
  const streams: Streams = await Streams.open(
    {
      source: node,
      log: engine.followedLog,
      peers,
      files,
      clock,
      random,
      observer: telemetry.streamObserver,
    },
    { nodeId: server.node_id, dataDirectory: storage.data_dir },
  );
  telemetry.streamObserver.observe(() => streams.list());
  const close = async () => {
    await Promise.all([streams.close(), backups.stop()]);
    await engine.close();
  };
  return { node, administration, streams, backups, close };
}

function edgeSettings(configuration: Configuration, tls: TlsSource | undefined): ServerSettings {
  const { server, http, metrics, limits, logging } = configuration;
  return serverSettings({
    tls,
    nodeId: server.node_id,
    host: server.host,
    grpcPort: server.port,
    httpHost: http.host,
    httpPort: http.port,
    allowedHosts: server.allowed_hosts,
    corsOrigins: server.cors_origins,
    http2: server.http2,
    maxConnections: server.max_connections,
    readTimeoutMs: server.read_timeout,
    writeTimeoutMs: server.write_timeout,
    keepAliveIntervalMs: server.keepalive_time,
    keepAliveTimeoutMs: server.keepalive_timeout,
    drainDelayMs: server.drain_delay,
    shutdownTimeoutMs: server.shutdown_timeout,
    maxMessageBytes: limits.max_message_bytes,
    maxResponseBytes: limits.max_response_bytes,
    slowCallMs: logging.slow_call === 0 ? Number.POSITIVE_INFINITY : logging.slow_call,
    overload: overloadLimits(limits),
    metricsPath: metrics.enabled ? metrics.path : undefined,
    metricsNeedToken: metrics.require_token,
  });
}

function overloadLimits(limits: Configuration["limits"]): OverloadLimits {
  return {
    maxInFlight: {
      read: limits.max_in_flight_reads,
      write: limits.max_in_flight_writes,
      scan: limits.max_in_flight_scans,
      control: limits.max_in_flight_control,
    },
    maxLagMs: limits.max_event_loop_lag,
    shedOrder: limits.shed_order,
    tenantRate: {
      requestsPerSecond: limits.tenant_requests_per_second,
      burst: limits.tenant_request_burst,
    },
  };
}
