/** A connection of an attacker: it sends bytes as they are, and of what comes back it keeps counts alone. */
import { readUint32BigEndian } from "../../src/base/integers.ts";
import { frameHeaderBytes, frameTypes, readUint24 } from "../../src/http2/frames.ts";

export class AttackConnection {
  goAwayCode: number | undefined;
  resetCount = 0;
  receivedBytes = 0;
  readonly #ended = Promise.withResolvers<void>();
  #socket: Bun.Socket | undefined;
  #unsent: Uint8Array = new Uint8Array(0);
  #unread = Buffer.alloc(0);

  static async open(port: number): Promise<AttackConnection> {
    const connection = new AttackConnection();
    try {
      connection.#socket = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: {
          data: (_, bytes) => connection.#receive(bytes),
          drain: () => connection.#flush(),
          close: () => connection.#ended.resolve(),
          error: () => undefined,
        },
      });
    } catch {
      connection.#ended.resolve();
    }
    return connection;
  }

  /** Resolves when the server has ended it. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  send(...parts: Uint8Array[]): void {
    this.#unsent = Buffer.concat([this.#unsent, ...parts]);
    this.#flush();
  }

  #flush(): void {
    const written = Math.max(0, this.#socket?.write(this.#unsent) ?? 0);
    this.#unsent = this.#unsent.subarray(written);
  }

  #receive(bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    const all = this.#unread.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#unread, bytes]);
    let position = 0;
    while (position + frameHeaderBytes <= all.length) {
      const payload = position + frameHeaderBytes;
      const end = payload + readUint24(all, position);
      if (end > all.length) break;
      const type = all[position + 3];
      if (type === frameTypes.RST_STREAM) this.resetCount++;
      if (type === frameTypes.GOAWAY) {
        this.goAwayCode = readUint32BigEndian(all, payload + 4);
        this.#socket?.terminate();
      }
      position = end;
    }
    this.#unread = all.subarray(position);
  }
}
