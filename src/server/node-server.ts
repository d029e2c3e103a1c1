/**
 * The node as a server, from the first open port to the last closed file.
 *
 *   start      HTTP port (probes answer) -> the store recovers -> calls are let in -> gRPC port -> serving
 *   shutdown   not ready, while calls go on for `drainDelayMs`, in which others learn to call elsewhere
 *              -> no new connections; on the old ones everything that is on its way is still served, only streams
 *              without an end get UNAVAILABLE
 *              -> when nothing is on its way, or time is short: no calls; those in flight end with UNAVAILABLE
 *              -> what is left of connections is cut -> the store closes
 *
 * Invariants:
 * 1. No call reaches the store before it has recovered, nor after it began to close.
 * 2. After `drainDelayMs` a shutdown takes no longer than `shutdownTimeoutMs`; connections that bring no call do not
 *    delay it.
 */
import type { ConnectError } from "@connectrpc/connect";
import type { Authenticator } from "../auth/authenticator.ts";
import type { BackupControl } from "../backup/backup-runner.ts";
import { StorageError } from "../base/errors.ts";
import type { Http2Observer } from "../http2/observer.ts";
import type { Peers } from "../migration/peer.ts";
import type { StreamControl } from "../migration/streams/streams.ts";
import type { Administration } from "../node/administration/administration.ts";
import type { StorageNode } from "../node/storage-node.ts";
import type { Clock } from "../platform/clock.ts";
import { endsWithin } from "../platform/ends-within.ts";
import type { Random } from "../platform/random.ts";
import { AccessControl } from "../rpc/access.ts";
import type { AdminSources } from "../rpc/admin/sources.ts";
import type { CallTracer } from "../rpc/call-tracer.ts";
import { errorRegistry, toConnectError } from "../rpc/errors.ts";
import { Gate } from "../rpc/gate.ts";
import type { LoadStatus, RpcObserver } from "../rpc/observer.ts";
import { Admission } from "../rpc/overload/admission.ts";
import type { HealthSource, MetricsText } from "../telemetry/health/health-types.ts";
import { createEdge, type Edge } from "./edge.ts";
import { listenGrpc } from "./grpc-listener.ts";
import { type HttpListener, listenHttp } from "./http-listener.ts";
import type { Listener } from "./listener.ts";
import { alwaysOpenServices, nodeEndpoints } from "./services.ts";
import type { ServerSettings } from "./settings.ts";

/** A store that has recovered. */
export interface OpenStore {
  readonly node: StorageNode;
  readonly administration: Administration;
  readonly streams: StreamControl;
  readonly backups: BackupControl;
  /** Ends streams, flushes what is to be flushed and closes the files. */
  close(): Promise<void>;
}

export interface NodeServerOptions {
  readonly settings: ServerSettings;
  readonly clock: Clock;
  readonly random: Random;
  /** The other nodes. */
  readonly peers: Peers;
  /** Who the callers are. */
  readonly authenticator: Authenticator;
  readonly observer: RpcObserver;
  readonly http2Observer: Http2Observer;
  /** Follows calls, if somebody is to. */
  readonly tracer?: CallTracer | undefined;
  readonly health: HealthSource;
  /** Lets `listener` hear, every tenth of a second, how late the main thread is. */
  readonly onLag: (listener: (lagMs: number) => void) => void;
  readonly adminSources: AdminSources;
  readonly metricsText: () => Promise<MetricsText>;
  readonly openStore: () => Promise<OpenStore>;
  /** Both ports are open and calls are answered. */
  readonly onServing: () => void;
  /** A shutdown has begun, or been announced. */
  readonly onStopping: () => void;
}

/** Interrupted calls get this long to tell their callers, and connections to send what is already answered. */
const farewellMs = 150;

/** A connection that brings no call for so long after it was asked to end is not waited for. */
const lingerMs = 1200;

const stoppingMessage = "the node is stopping";

function stoppingFailure(): ConnectError {
  return toConnectError(new StorageError("UNAVAILABLE", stoppingMessage), "");
}

export class NodeServer {
  readonly #options: NodeServerOptions;
  readonly #access: AccessControl;
  readonly #gate: Gate;
  readonly #admission: Admission;
  #http: HttpListener | undefined;
  #grpc: Listener | undefined;
  #store: OpenStore | undefined;
  #starting: Promise<boolean> | undefined;
  #stopping: Promise<boolean> | undefined;
  /** When the node began to tell that it is about to stop. */
  #announcedAtMs: number | undefined;

  constructor(options: NodeServerOptions) {
    this.#options = options;
    this.#access = new AccessControl(options.authenticator, options.observer);
    this.#admission = new Admission({
      clock: options.clock,
      limits: options.settings.overload,
      refused: (workClass, reason) => options.observer.loadRefused({ workClass, reason }),
    });
    this.#gate = new Gate({
      ...options,
      admission: this.#admission,
      access: this.#access,
      slowCallMs: options.settings.slowCallMs,
      alwaysOpen: alwaysOpenServices,
    });
  }

  /** The HTTP port in use; 0 while there is none. */
  get httpPort(): number {
    return this.#http?.port ?? 0;
  }

  /** The gRPC port in use; 0 while there is none. */
  get grpcPort(): number {
    return this.#grpc?.port ?? 0;
  }

  /** How much is in flight, and what is refused for it. */
  get load(): LoadStatus {
    return this.#admission;
  }

  /**
   * Resolves with true once the node serves, with false when a shutdown came first. Rejects, everything closed
   * again, when a port cannot be had or the store cannot be opened.
   */
  start(): Promise<boolean> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * The node is to stop soon: it is not ready from now on, and serves as before. The shutdown that follows counts its
   * `drainDelayMs` from here.
   */
  announceShutdown(): void {
    if (this.#announcedAtMs !== undefined) return;
    this.#announcedAtMs = this.#options.clock.monotonicMs();
    this.#http?.announceEnd();
    this.#store?.node.drain.stop();
    this.#options.onStopping();
  }

  /** Resolves with whether everything ended in time; what did not is cut off, and nothing acknowledged is lost. */
  shutdown(): Promise<boolean> {
    this.#stopping ??= this.#shutdown();
    return this.#stopping;
  }

  async #start(): Promise<boolean> {
    const { settings, clock, observer, openStore, onServing } = this.#options;
    const edge = this.#createEdge();
    this.#http = listenHttp({
      handle: edge.handleHttp,
      host: settings.httpHost,
      port: settings.httpPort,
      tls: settings.tls,
      clock,
      failed: (error) => observer.callFailed("accept", "", error, "INTERNAL"),
    });
    try {
      this.#store = await openStore();
      if (this.#stopping !== undefined) return false;
      this.#options.onLag((lagMs) => this.#admission.sample(lagMs));
      this.#gate.open();
      this.#grpc = await listenGrpc({ ...this.#options, edge, httpPort: this.httpPort });
    } catch (error) {
      await this.#closeAll();
      throw error;
    }
    if (this.#stopping !== undefined) return false;
    onServing();
    return true;
  }

  #createEdge(): Edge {
    const endpoints = nodeEndpoints({
      ...this.#options,
      node: () => this.#openStore().node,
      administration: () => this.#openStore().administration,
      streams: () => this.#openStore().streams,
      backups: () => this.#openStore().backups,
      isOpen: () => this.#gate.isOpen,
    });
    return createEdge(endpoints, {
      ...this.#options,
      gate: this.#gate,
      registry: errorRegistry,
      grpcPort: () => this.#grpc?.port,
      metricsAccess: this.#options.settings.metricsNeedToken
        ? (credentials) => this.#access.admitRequest("metrics", "observe", credentials)
        : undefined,
    });
  }

  #openStore(): OpenStore {
    if (this.#store === undefined) throw new StorageError("UNAVAILABLE", "the node is not open");
    return this.#store;
  }

  async #shutdown(): Promise<boolean> {
    const { clock, settings } = this.#options;
    this.announceShutdown();
    await this.#drainDelay();
    const endMs = clock.monotonicMs() + settings.shutdownTimeoutMs;
    const remainingMs = () => endMs - clock.monotonicMs();
    // A start that has not come to its end sees the shutdown and goes no further.
    const starting = this.#starting?.catch(() => false) ?? Promise.resolve();
    const connectionsEnded = this.#stopAccepting();
    let isClean = await this.#within(starting, remainingMs());

    this.#gate.interruptEndless(stoppingFailure());
    isClean =
      (await this.#within(this.#whenServed(connectionsEnded), remainingMs() - 2 * farewellMs)) && isClean;
    this.#gate.close(new StorageError("UNAVAILABLE", stoppingMessage));
    this.#gate.interruptAll(stoppingFailure());
    await this.#within(this.#gate.whenIdle(), Math.min(farewellMs, remainingMs()));
    await this.#within(connectionsEnded, Math.min(farewellMs, remainingMs()));
    return (await this.#within(this.#closeAll(), remainingMs())) && isClean;
  }

  /** Nobody waits for a node that never served. */
  async #drainDelay(): Promise<void> {
    const { clock, settings } = this.#options;
    if (this.#grpc === undefined || this.#announcedAtMs === undefined) return;
    const remainingMs = this.#announcedAtMs + settings.drainDelayMs - clock.monotonicMs();
    if (remainingMs > 0) await new Promise<void>((resolve) => void clock.after(remainingMs, resolve));
  }

  /** Every connection has ended, or no call is there and none has come for a while. */
  async #whenServed(connectionsEnded: Promise<void>): Promise<void> {
    let haveEnded = false;
    const ended = connectionsEnded.then(() => {
      haveEnded = true;
    });
    let callCount = -1;
    while (!haveEnded && callCount !== this.#gate.admittedCount) {
      callCount = this.#gate.admittedCount;
      await this.#within(ended, lingerMs);
      await this.#gate.whenIdle();
    }
  }

  async #stopAccepting(): Promise<void> {
    await Promise.all([this.#http?.stopAccepting(), this.#grpc?.stopAccepting()]);
  }

  /** Cuts every connection and closes the store. */
  async #closeAll(): Promise<void> {
    this.#gate.close(new StorageError("UNAVAILABLE", stoppingMessage));
    this.#http?.destroy();
    this.#grpc?.destroy();
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
  }

  #within(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
    return endsWithin(work, this.#options.clock, timeoutMs);
  }
}
