/** Plays a generated call on a server, and says all that can be seen of it: by the caller, and inside. */
import { errorCodes, errorName } from "../../../src/http2/error-codes.ts";
import type { Field } from "../../../src/http2/hpack/encoder.ts";
import { FrameClient, type StreamAnswer } from "../frame-client.ts";
import { resetStream } from "../http2-harness.ts";
import { until } from "../until.ts";
import type { GeneratedCall } from "./generated-call.ts";
import type { ComparedServer } from "./servers.ts";

/** Plain data, so that two can be compared and shown. */
export interface Outcome {
  /** Undefined where the caller left before it was complete. */
  readonly answer: SeenAnswer | undefined;
  /** What the observer heard. */
  readonly reports: readonly string[];
  readonly putCount: number;
  readonly openViewCount: number;
}

export interface SeenAnswer {
  readonly status: string;
  readonly headers: Record<string, string>;
  readonly trailers: Record<string, string>;
  readonly body: string;
  /** Of a reset in place of an end. */
  readonly reset: string | undefined;
}

const streamWindowBytes = 65_535;

/** Fields that say nothing of the call. */
const passingFields = new Set([":status", "date"]);

/** A server and the connection to it, which is made anew where one ended. */
export class CallRunner {
  readonly #server: ComparedServer;
  #client: FrameClient | undefined;

  constructor(server: ComparedServer) {
    this.#server = server;
  }

  async run(call: GeneratedCall): Promise<Outcome> {
    const { store, gate, reports } = this.#server;
    const client = await this.#connection();
    reports.length = 0;
    store.syncsAtOnce = !call.isSyncHeld;
    const id = client.open(call.fields, call.pieces.length === 0 && call.trailers === undefined);
    if (call.isHeldBack) client.heldBack.add(id);
    const putCount = store.putCount;
    const isWhole = await sendBody(client, id, call);
    let answer: SeenAnswer | undefined;
    if (call.cancelAfterFrames === undefined) answer = await client.answer(id).then(seen, lost);
    else {
      const isStuck = () =>
        store.putCount > putCount || (call.isHeldBack && client.receivedBytes(id) >= streamWindowBytes);
      if (isWhole) await until(() => client.isOver(id) || isStuck());
      await leave(client, id);
    }
    store.syncsAtOnce = true;
    store.sync();
    await gate.whenIdle();
    await until(() => store.openViewCount === 0);
    if (client.goAwayCode !== undefined) this.close();
    return { answer, reports: [...reports], putCount: store.putCount, openViewCount: store.openViewCount };
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #connection(): Promise<FrameClient> {
    this.#client ??= await FrameClient.connect(this.#server.listener.port, { streamWindowBytes });
    return this.#client;
  }
}

/** Sends the body up to the moment at which the caller leaves, if it does; true when the request is whole by then. */
async function sendBody(client: FrameClient, id: number, call: GeneratedCall): Promise<boolean> {
  const { pieces, trailers, paddingBytes, cancelAfterFrames = Number.POSITIVE_INFINITY } = call;
  for (const [index, piece] of pieces.slice(0, cancelAfterFrames).entries()) {
    const isLast = index === pieces.length - 1;
    await client.sendData(id, piece, isLast && trailers === undefined, paddingBytes);
  }
  if (pieces.length > cancelAfterFrames) return false;
  if (trailers === undefined) return true;
  if (pieces.length === cancelAfterFrames) return false;
  if (!client.isOver(id)) client.sendFields(id, trailers, true);
  return true;
}

/** Once the server has read what was sent, and until it has read that nothing more comes. */
async function leave(client: FrameClient, id: number): Promise<void> {
  await client.ping();
  client.send(resetStream(id, errorCodes.CANCEL));
  await client.ping();
}

function seen({ headers, trailers, body, resetCode }: StreamAnswer): SeenAnswer {
  return {
    status: headers.find(([name]) => name === ":status")?.[1] ?? "",
    headers: record(headers),
    trailers: record(trailers),
    body: Buffer.from(body).toString("base64"),
    reset: resetCode === undefined ? undefined : errorName(resetCode),
  };
}

function lost(error: Error): SeenAnswer {
  return { status: error.message.replace(/\d+/, "N"), headers: {}, trailers: {}, body: "", reset: undefined };
}

function record(fields: readonly Field[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of fields) {
    if (passingFields.has(name)) continue;
    values[name] = name in values ? `${values[name]} | ${value}` : value;
  }
  return values;
}
