/**
 * The HTTP/2 server: sockets, time and the end of all connections. What is said on a connection is decided in
 * `connection.ts`, without any of these.
 */
import type { Socket, SocketHandler, TCPSocketListener } from "bun";
import type { Clock, Timer } from "../platform/clock.ts";
import type { RequestHandler } from "./api.ts";
import { ByteBudget } from "./byte-budget.ts";
import { ArrayPool } from "./byte-queue.ts";
import type { ConnectionEnvironment } from "./environment.ts";
import { http1Answer } from "./foreign-protocol.ts";
import { defaultLimits, type Http2Limits } from "./limits.ts";
import { type Http2Observer, silentHttp2Observer } from "./observer.ts";
import { ReadScheduler } from "./read-scheduler.ts";
import { type LinkOwner, SocketLink } from "./socket-link.ts";
import { StreamPool } from "./stream-pool.ts";
import {
  type ClientCertificates,
  certificateOf,
  judgeHandshake,
  type TlsMaterial,
  tlsFirstByte,
  upgrade,
} from "./tls.ts";

export interface Http2ServerOptions {
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly handle: RequestHandler;
  readonly clock: Clock;
  /** Asked for every connection; without it, the port speaks cleartext. */
  readonly tls?: () => TlsMaterial;
  readonly limits?: Partial<Http2Limits>;
  readonly observer?: Http2Observer;
  /** One line for clients that speak HTTP/1: what this port is, and where they should go. */
  readonly http1Explanation?: string;
}

/** What sockets bring: of a Buffer, the default, `slice` makes a view, where whoever keeps a range means to copy it. */
const binaryType = "uint8array";

/** How often time is looked at. */
const tickMs = 1000;

export class Http2Server implements LinkOwner {
  readonly environment: ConnectionEnvironment;
  readonly reads = new ReadScheduler(() => this.nowMs(), setImmediate);
  readonly #options: Http2ServerOptions;
  readonly #listener: TCPSocketListener<SocketLink>;
  readonly #links = new Set<SocketLink>();
  /** Links with something to write at the end of the turn. */
  #planned: SocketLink[] = [];
  #timer: Timer;
  #onIdle: (() => void) | undefined;

  /** Throws what the runtime does when the address cannot be had. */
  constructor(options: Http2ServerOptions) {
    const limits = { ...defaultLimits, ...options.limits };
    this.#options = options;
    this.environment = {
      limits,
      handle: options.handle,
      observer: options.observer ?? silentHttp2Observer,
      budget: new ByteBudget(limits.maxQueuedBytes),
      arrays: new ArrayPool(),
      streams: new StreamPool(),
      http1Explanation: options.http1Explanation ?? "this port speaks HTTP/2",
    };
    const { hostname, port } = options;
    this.#listener = Bun.listen<SocketLink>({ hostname, port, socket: this.#acceptedSockets() });
    this.#timer = options.clock.after(tickMs, () => this.#tick());
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Bytes that wait for peers or for the application. */
  get queuedBytes(): number {
    return this.environment.budget.usedBytes;
  }

  get connectionCount(): number {
    return this.#links.size;
  }

  get streamCount(): number {
    let count = 0;
    for (const link of this.#links) count += link.streamCount;
    return count;
  }

  /** No new connections; resolves when those that are there have served their requests and ended. */
  stopAccepting(): Promise<void> {
    this.#listener.stop(false);
    for (const link of [...this.#links]) link.shutDown();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      this.#checkIdle();
    });
  }

  /** Ends every connection now. */
  destroy(): void {
    this.#listener.stop(false);
    this.#timer.cancel();
    for (const link of [...this.#links]) link.destroy();
  }

  nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  flushLater(link: SocketLink): void {
    if (link.isFlushPlanned) return;
    link.isFlushPlanned = true;
    if (this.#planned.push(link) === 1) setImmediate(() => this.#flushPlanned());
  }

  #flushPlanned(): void {
    const planned = this.#planned;
    this.#planned = [];
    for (const link of planned) if (link.isFlushPlanned) link.flush();
  }

  #tick(): void {
    const nowMs = this.nowMs();
    for (const link of [...this.#links]) link.tick(nowMs);
    this.#timer = this.#options.clock.after(tickMs, () => this.#tick());
  }

  /** Sockets as they are accepted: the whole connection in cleartext, or what TLS travels in. */
  #acceptedSockets(): SocketHandler<SocketLink> {
    return {
      binaryType,
      open: (socket) => this.#accept(socket),
      data: (socket, bytes) => {
        if (this.#options.tls === undefined) socket.data.receive(bytes);
        else this.#sniff(socket, bytes);
      },
      drain: (socket) => {
        if (this.#options.tls === undefined) socket.data.flush();
      },
      close: (socket) => this.#forget(socket.data),
      // A reset by the peer ends here as well; `close` follows.
      error: () => undefined,
    };
  }

  /** What was sent inside TLS. */
  #secureSockets(clients: ClientCertificates | undefined): SocketHandler<SocketLink> {
    return {
      binaryType,
      handshake: (socket, succeeded) => {
        const refusal = judgeHandshake(socket, succeeded, clients);
        if (refusal !== undefined) socket.data.refuse(refusal, socket);
        else socket.data.open(socket, true, certificateOf(socket, clients));
      },
      data: (socket, bytes) => socket.data.receive(bytes),
      drain: (socket) => socket.data.flush(),
      close: (socket) => this.#forget(socket.data),
      error: () => undefined,
    };
  }

  #accept(socket: Socket<SocketLink>): void {
    const link = new SocketLink(this, socket);
    socket.data = link;
    if (this.#links.size >= this.environment.limits.maxConnections) {
      this.environment.observer.connectionRefused("connection_limit");
      link.destroy();
      return;
    }
    this.#links.add(link);
    this.environment.observer.connectionOpened();
    socket.setNoDelay(true);
    const material = this.#options.tls?.();
    if (material === undefined) link.open(socket, false, undefined);
    else upgrade(socket, link, material, this.#secureSockets(material.clients));
  }

  /** Sees the first byte before TLS does: who does not speak TLS is told so, in the clear. */
  #sniff(socket: Socket<SocketLink>, bytes: Uint8Array): void {
    const link = socket.data;
    if (link.hasBegun) return;
    link.hasBegun = true;
    if (bytes[0] === tlsFirstByte) return;
    link.refuse("plain_on_tls_port", socket, http1Answer("this port speaks HTTP/2 over TLS"));
  }

  #forget(link: SocketLink): void {
    link.closed();
    if (!this.#links.delete(link)) return;
    this.environment.observer.connectionClosed();
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#onIdle === undefined || this.#links.size > 0) return;
    this.#timer.cancel();
    this.#onIdle();
  }
}
