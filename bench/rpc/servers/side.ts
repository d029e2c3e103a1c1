/** Servers that only the benchmark has: each a process of its own that answers everybody the same, and counts. */
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { ReadResponseSchema } from "../../../src/gen/storage/storage_node_pb.ts";
import { envelope } from "../../../test/support/raw-grpc.ts";
import { serverPrefix } from "../processors.ts";
import { type Counts, expectRise, type StartServer, type Target } from "../server.ts";
import { methodPath, requestMessage, type Work } from "../work.ts";

export const sideKinds = ["bare-http2", "stock-connect", "bare-hono"] as const;
export type SideKind = (typeof sideKinds)[number];

/** What it sends once it serves, and to whoever asks for its counts. */
export type SideMessage = { readonly port: number } | { readonly counts: Counts };

export function side(kind: SideKind): StartServer {
  return async (work) => {
    const messages = new Messages();
    const script = join(import.meta.dir, "../side/main.ts");
    const child = Bun.spawn([...serverPrefix(), process.execPath, script, kind, JSON.stringify(work)], {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      ipc: (message: SideMessage) => messages.push(message),
      onExit: (_, code) => messages.fail(new Error(`${kind} ended with ${code}`)),
    });
    const { port } = (await messages.next()) as { port: number };
    return {
      pid: child.pid,
      target: targetOf(kind, port, work),
      async counts() {
        child.send("counts");
        return ((await messages.next()) as { counts: Counts }).counts;
      },
      verify: (rise, callCount) =>
        expectRise(rise, { calls: callCount, receivedBytes: receivedBytes(kind, work) * callCount }),
      valueIn: (body) => fromBinary(ReadResponseSchema, body.subarray(prefixBytes(kind))).value,
      async stop() {
        child.kill();
        await child.exited;
      },
    };
  };
}

/** All count what they read of a request, but for the stock handler, which counts its calls alone. */
function receivedBytes(kind: SideKind, work: Work): number {
  if (kind === "stock-connect" || (kind === "bare-http2" && work.operation === "read")) return 0;
  return requestMessage(work).length + prefixBytes(kind);
}

function prefixBytes(kind: SideKind): number {
  return kind === "bare-http2" ? 5 : 0;
}

function targetOf(kind: SideKind, port: number, work: Work): Target {
  const url = `http://127.0.0.1:${port}${methodPath(work)}`;
  const message = requestMessage(work);
  return kind === "bare-http2"
    ? {
        url,
        headers: { "content-type": "application/grpc", te: "trailers" },
        body: envelope(message),
        isHttp1: false,
        lacksStatus: true,
      }
    : { url, headers: { "content-type": "application/proto" }, body: message, isHttp1: true };
}

/** One at a time, in order. */
class Messages {
  readonly #arrived: SideMessage[] = [];
  #waiting: PromiseWithResolvers<SideMessage> | undefined;
  #failure: Error | undefined;

  push(message: SideMessage): void {
    if (this.#waiting === undefined) this.#arrived.push(message);
    else this.#waiting.resolve(message);
    this.#waiting = undefined;
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#waiting?.reject(error);
  }

  next(): Promise<SideMessage> {
    const message = this.#arrived.shift();
    if (message !== undefined) return Promise.resolve(message);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }
}
