/**
 * A member's place on the network: one port, for packets by UDP and conversations by TCP.
 *
 * Invariants:
 * 1. Packets leave from the port on which they are received: peers answer there.
 * 2. No more than `maxAccepted` conversations of others at a time, and none longer than `streamTimeoutMs`.
 * 3. After `close` nothing reaches the member any more, and no conversation of its own is left.
 */
import { messageOf, StorageError } from "../../base/errors.ts";
import { hostOf, parseAddress } from "../../base/ip-address.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Conversation, GossipTransport } from "../environment.ts";
import type { GossipNode } from "../gossip-node.ts";
import { AcceptedStream } from "./accepted-stream.ts";
import { DialledStream } from "./dialled-stream.ts";

export interface NetworkOptions {
  /** The address to listen on, in text. */
  readonly host: string;
  /** 0: any that is free for both. */
  readonly port: number;
  readonly clock: Clock;
  readonly streamTimeoutMs: number;
}

const maxAccepted = 128;

/** Somebody else may take the port for UDP that TCP has just been given. */
const anyPortTries = 10;

/** A packet that the socket does not take is offered so often. */
const sendTries = 4;

type UdpSocket = Bun.udp.Socket<"uint8array">;
type Receiver = Pick<GossipNode, "receivePacket" | "streamReader" | "answerStream">;

export class NetworkTransport implements GossipTransport {
  readonly #options: NetworkOptions;
  readonly #listener: Bun.TCPSocketListener<AcceptedStream>;
  readonly #accepted = new Set<AcceptedStream>();
  readonly #dialled = new Set<DialledStream>();
  #udp: UdpSocket | undefined;
  #receiver: Receiver | undefined;

  private constructor(options: NetworkOptions) {
    this.#options = options;
    this.#listener = Bun.listen<AcceptedStream>({
      hostname: options.host,
      port: options.port,
      socket: {
        open: (socket) => this.#accept(socket),
        data: (socket, chunk) => socket.data?.receive(chunk),
        drain: (socket) => socket.data?.flush(),
        close: (socket) => this.#forget(socket.data),
        error: (socket) => socket.data?.end(),
      },
    });
  }

  /** UNAVAILABLE where the port cannot be had. */
  static async open(options: NetworkOptions): Promise<NetworkTransport> {
    const tries = options.port === 0 ? anyPortTries : 1;
    for (let attempt = 1; ; attempt++) {
      try {
        return await NetworkTransport.#tryOpen(options);
      } catch (error) {
        if (attempt < tries) continue;
        const message = `cannot listen for gossip on ${options.host}, port ${options.port}: ${messageOf(error)}`;
        throw new StorageError("UNAVAILABLE", message, { cause: error });
      }
    }
  }

  static async #tryOpen(options: NetworkOptions): Promise<NetworkTransport> {
    const transport = new NetworkTransport(options);
    try {
      transport.#udp = await Bun.udpSocket({
        hostname: options.host,
        port: transport.port,
        binaryType: "uint8array",
        socket: {
          data: (_, packet, port, host) => transport.#receivePacket(packet, port, host),
          // Of packets to ports where nobody listens: probes find that out.
          error: () => undefined,
        },
      });
      return transport;
    } catch (error) {
      transport.#listener.stop(true);
      throw error;
    }
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Whom packets and conversations reach from now on. */
  attach(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  /**
   * The system tells of an earlier packet that nobody took (its port is closed) when the next one is sent, which does
   * not leave then, whoever it is for: it is sent again. What fails again and again has no way to go, as to an address
   * of another family, and is lost, as packets are; so is what the system has no room for.
   */
  sendPacket(to: Endpoint, packet: Uint8Array): void {
    for (let tries = 0; tries < sendTries; tries++) {
      try {
        this.#udp?.send(packet, to.port, hostOf(to.address));
        return;
      } catch {
        // Told of this packet or of one before it: the next try shows.
      }
    }
  }

  converse(conversation: Conversation): void {
    const stream = new DialledStream(conversation, this.#options.clock, () => this.#dialled.delete(stream));
    this.#dialled.add(stream);
    stream.dial();
  }

  close(): void {
    this.#receiver = undefined;
    this.#udp?.close();
    this.#listener.stop(true);
    for (const stream of [...this.#accepted, ...this.#dialled]) stream.end();
  }

  #receivePacket(packet: Uint8Array, port: number, host: string): void {
    const address = parseAddress(host);
    if (address !== undefined) this.#receiver?.receivePacket({ address, port }, packet);
  }

  #accept(socket: Bun.Socket<AcceptedStream>): void {
    const address = parseAddress(socket.remoteAddress);
    const receiver = this.#receiver;
    if (address === undefined || receiver === undefined || this.#accepted.size >= maxAccepted) {
      socket.terminate();
      return;
    }
    const from = { address, port: socket.remotePort };
    const { clock, streamTimeoutMs } = this.#options;
    const deadline = clock.after(streamTimeoutMs, () => stream.end());
    const stream = new AcceptedStream(socket, receiver.streamReader(), deadline, (message) =>
      receiver.answerStream(from, message),
    );
    socket.data = stream;
    this.#accepted.add(stream);
  }

  #forget(stream: AcceptedStream | undefined): void {
    if (stream === undefined) return;
    stream.end();
    this.#accepted.delete(stream);
  }
}
