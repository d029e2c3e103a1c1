/**
 * A connection and its socket: brings what arrives, writes what is to leave, and ends the one with the other.
 *
 * Answers to one read leave in one write at its end. Answers that come later wait for the end of the turn, so that
 * those of one turn leave in one write as well.
 */
import type { Socket } from "bun";
import type { Peer, PeerCertificate } from "./api.ts";
import { Connection, type ConnectionDriver } from "./connection.ts";
import type { ConnectionEnvironment } from "./environment.ts";
import type { RefusalReason } from "./observer.ts";
import { Backlog, type Reader, type ReadScheduler } from "./read-scheduler.ts";

/** How long the rest of what a client sends is read and dropped after our last byte, so that it can read that. */
const lingerMs = 2000;

/** What a link needs of its server. */
export interface LinkOwner {
  readonly environment: ConnectionEnvironment;
  readonly reads: ReadScheduler;
  nowMs(): number;
  /** Asks for `flush` at the end of the turn. */
  flushLater(link: SocketLink): void;
}

export class SocketLink implements Reader, ConnectionDriver {
  readonly backlog: Backlog;
  /** Asked for already. */
  isFlushPlanned = false;
  /** The first bytes have come; of TLS, in their outer form. */
  hasBegun = false;
  readonly #owner: LinkOwner;
  readonly #acceptedAtMs: number;
  #socket: Socket<SocketLink>;
  /** Without one, the handshake of TLS is on its way. */
  #connection: Connection | undefined;
  #closingSinceMs: number | undefined;
  /** The socket took less than it was given, and has not asked for more since. */
  #isStuck = false;

  constructor(owner: LinkOwner, socket: Socket<SocketLink>) {
    this.#owner = owner;
    this.#socket = socket;
    this.#acceptedAtMs = owner.nowMs();
    this.backlog = new Backlog(this.#acceptedAtMs);
  }

  get streamCount(): number {
    return this.#connection?.streamCount ?? 0;
  }

  /** From here on the client may speak HTTP/2, on this socket. */
  open(socket: Socket<SocketLink>, isSecure: boolean, certificate: PeerCertificate | undefined): void {
    this.#socket = socket;
    const { remoteAddress: address, remotePort: port } = socket;
    const peer: Peer = { address, port, isSecure, certificate };
    this.#connection = new Connection(this.#owner.environment, peer, this.#acceptedAtMs, this);
  }

  receive(bytes: Uint8Array): void {
    if (this.#connection !== undefined && this.#closingSinceMs === undefined)
      this.#owner.reads.arrived(this, bytes);
  }

  read(bytes: Uint8Array, start: number, length: number, nowMs: number): void {
    const connection = this.#connection;
    if (connection === undefined || this.#closingSinceMs !== undefined) return;
    try {
      connection.receive(bytes, start, length, nowMs);
    } catch (error) {
      this.#owner.environment.observer.handlerFailed(error);
      this.destroy();
      return;
    }
    this.flush();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Writes all that the socket takes. */
  flush(): void {
    this.isFlushPlanned = false;
    const connection = this.#connection;
    if (connection === undefined || this.#closingSinceMs !== undefined) return;
    const { output } = connection;
    this.#isStuck = false;
    connection.pump();
    while (output.length > 0) {
      if (this.#write(connection) < 0) this.destroy();
      if (this.#isStuck) return;
      connection.pump();
    }
    if (connection.isOver) this.#close();
  }

  /** How much of the output the socket took; negative where it is broken. */
  #write(connection: Connection): number {
    const { output } = connection;
    const length = output.length;
    const written = this.#socket.write(output.bytes, output.start, length);
    this.#isStuck = written < length;
    if (written >= 0) connection.wrote(written, this.#owner.nowMs());
    return written;
  }

  wantsToWrite(): void {
    this.#owner.flushLater(this);
  }

  writeFull(): void {
    if (!this.#isStuck) this.#write(this.#connection!);
  }

  /** Ends a connection that never became one, with a last word on this socket. */
  refuse(reason: RefusalReason, socket = this.#socket, answer?: Uint8Array): void {
    if (this.#closingSinceMs !== undefined) return;
    this.#owner.environment.observer.connectionRefused(reason);
    this.#closingSinceMs = this.#owner.nowMs();
    if (answer === undefined) socket.end();
    else socket.end(answer);
  }

  shutDown(): void {
    if (this.#connection === undefined) {
      this.destroy();
      return;
    }
    this.#connection.shutDown(this.#owner.nowMs());
    this.flush();
  }

  tick(nowMs: number): void {
    const { limits, observer } = this.#owner.environment;
    if (this.#closingSinceMs !== undefined) {
      if (nowMs - this.#closingSinceMs >= lingerMs) this.destroy();
    } else if (this.#connection !== undefined) {
      this.#connection.tick(nowMs);
      this.flush();
    } else if (nowMs - this.#acceptedAtMs >= limits.prefaceTimeoutMs) {
      observer.limitReached("preface_timeout");
      this.destroy();
    }
  }

  /** Ends the connection now, whatever it was doing. */
  destroy(): void {
    this.closed();
    this.#socket.terminate();
  }

  /** The socket is gone. */
  closed(): void {
    this.#connection?.abort();
    this.#closingSinceMs ??= this.#owner.nowMs();
    this.#owner.reads.forget(this);
  }

  #close(): void {
    this.#closingSinceMs = this.#owner.nowMs();
    this.#socket.end();
  }
}
