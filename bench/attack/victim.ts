/** A client that shall not notice an attack. */
import { create, toBinary } from "@bufbuild/protobuf";
import { ReadRequestSchema, WriteRequestSchema } from "../../src/gen/storage/storage_node_pb.ts";
import { FrameClient, type StreamAnswer } from "../../test/support/frame-client.ts";
import { beginCall, isOk } from "../grpc-call.ts";

export interface VictimReport {
  readonly readCount: number;
  readonly errorCount: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export const tenantId = "bench";
/** Attackers ask for it. */
export const largeKey = "large";
const smallKey = "small";
const smallBytes = 100;
const largeCount = 20;
const readsPerMs = 1;
/** Enough that answers which come late do not use up the streams that one may have. */
const connectionCount = 10;
/** An answer that takes longer is an error. */
const patienceMs = 5000;

async function call(client: FrameClient, method: string, message: Uint8Array): Promise<StreamAnswer> {
  return client.answer(await beginCall(client, method, message));
}

/** Writes what is read: a small value, and some large ones of this size. */
export async function prepare(port: number, largeBytes: number): Promise<void> {
  const client = await FrameClient.connect(port);
  const write = async (key: string, valueBytes: number) => {
    const value = new Uint8Array(valueBytes);
    const message = toBinary(WriteRequestSchema, create(WriteRequestSchema, { tenantId, key, value }));
    if (!isOk(await call(client, "Write", message))) throw new Error(`the write of ${key} failed`);
  };
  await write(smallKey, smallBytes);
  await write(largeKey, largeBytes);
  for (let number = 0; number < largeCount; number++) await write(`${largeKey}-${number}`, largeBytes);
  client.close();
}

/** The connections of the client. */
export function connect(port: number): Promise<FrameClient[]> {
  return Promise.all(Array.from({ length: connectionCount }, () => FrameClient.connect(port)));
}

/** Reads at a steady rate for so long; times count from when each read was due. */
export async function readSteadily(
  clients: readonly FrameClient[],
  durationMs: number,
): Promise<VictimReport> {
  const message = toBinary(ReadRequestSchema, create(ReadRequestSchema, { tenantId, key: smallKey }));
  const timesMs: number[] = [];
  let errorCount = 0;
  let dueCount = 0;
  const readOnce = async (index: number, dueMs: number): Promise<void> => {
    const client = clients[index % connectionCount]!;
    const answer = await call(client, "Read", message).catch(() => undefined);
    const timeMs = performance.now() - dueMs;
    timesMs.push(timeMs);
    if (answer === undefined || !isOk(answer) || answer.body.length < smallBytes || timeMs > patienceMs)
      errorCount++;
  };
  const startMs = performance.now();
  const reads: Promise<void>[] = [];
  while (dueCount < durationMs * readsPerMs) {
    const due = Math.min((performance.now() - startMs) * readsPerMs, durationMs * readsPerMs);
    for (; dueCount < due; dueCount++) reads.push(readOnce(dueCount, startMs + dueCount / readsPerMs));
    await Bun.sleep(1);
  }
  await Promise.race([Promise.all(reads), Bun.sleep(patienceMs)]);
  errorCount += reads.length - timesMs.length;
  timesMs.sort((a, b) => a - b);
  const quantile = (share: number) =>
    timesMs[Math.ceil(share * timesMs.length) - 1] ?? Number.POSITIVE_INFINITY;
  return {
    readCount: reads.length,
    errorCount,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    maxMs: quantile(1),
  };
}
