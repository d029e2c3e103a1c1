/** A storage service in memory under Connect's router, for clients: requests and answers can get lost. */
import {
  createRouterTransport,
  type HandlerContext,
  type Interceptor,
  type ServiceImpl,
  type Transport,
} from "@connectrpc/connect";
import { StorageNodeService } from "../../clients/typescript/src/gen/storage/storage_node_pb.ts";
import type { StorageNode } from "../../src/node/storage-node.ts";
import { toConnectError } from "../../src/rpc/errors.ts";
import { clockEntries, clockMessage, readResponse, writeResponse } from "../../src/rpc/messages.ts";
import { scanNode } from "./scan-node.ts";
import { testNode } from "./test-node.ts";

export interface FakeService {
  readonly transport: Transport;
  readonly node: StorageNode;
  /** Names of methods, in the order in which they were called. */
  readonly calls: string[];
  /** Of the last call that the service got. */
  context: HandlerContext | undefined;
  /** What it throws is what the call fails with, before the service has got it, or after it has done its part. */
  fault: (method: string, moment: "request" | "answer") => void | Promise<void>;
  /** Called before each message of a scan, with its number; what it throws ends the stream. */
  scanFault: (number: number) => void | Promise<void>;
}

export function fakeService(): FakeService {
  const fake: FakeService = {
    node: testNode().node,
    calls: [],
    context: undefined,
    fault: () => undefined,
    scanFault: () => undefined,
    transport: createRouterTransport(
      ({ service }) =>
        void service(
          StorageNodeService,
          implementation(() => fake),
        ),
      {
        router: { interceptors: [mapFailures] },
        transport: { interceptors: [interceptor(() => fake)] },
      },
    ),
  };
  return fake;
}

function interceptor(fake: () => FakeService): Interceptor {
  return (next) => async (request) => {
    const { name } = request.method;
    fake().calls.push(name);
    const givenUp = new Promise<never>((_, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason));
    });
    givenUp.catch(() => undefined);
    await Promise.race([fake().fault(name, "request"), givenUp]);
    const answer = await next(request);
    await Promise.race([fake().fault(name, "answer"), givenUp]);
    return answer;
  };
}

/** As the node's edge does. */
const mapFailures: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    throw toConnectError(error, "");
  }
};

function implementation(fake: () => FakeService): Partial<ServiceImpl<typeof StorageNodeService>> {
  const read = async (tenantId: string, key: string) =>
    readResponse(await fake().node.read(tenantId, key, true), tenantId, key);
  return {
    read: ({ tenantId, key }, context) => {
      fake().context = context;
      return read(tenantId, key);
    },
    write: async ({ tenantId, key, value, vectorClock }) =>
      writeResponse(await fake().node.write(tenantId, key, value, clockEntries(vectorClock))),
    delete: async ({ tenantId, key, vectorClock }) =>
      writeResponse(await fake().node.delete(tenantId, key, clockEntries(vectorClock))),
    batchRead: async ({ tenantId, keys }) => ({
      results: await Promise.all(keys.map((key) => read(tenantId, key))),
    }),
    batchWrite: async ({ entries }) => ({
      results: await Promise.all(
        entries.map(async ({ tenantId, key, value, vectorClock, isTombstone }) => {
          const { node } = fake();
          const clock = clockEntries(vectorClock);
          return writeResponse(
            await (isTombstone ? node.delete(tenantId, key, clock) : node.write(tenantId, key, value, clock)),
          );
        }),
      ),
    }),
    async *scan({ tenantId, startKey, endKey, prefix, limit, keysOnly, resumeToken }) {
      const start = resumeToken.length === 0 ? startKey : new TextDecoder().decode(resumeToken);
      const range = { tenantId, startKey: start, endKey, prefix, limit: 0, keysOnly };
      const entries = [];
      for await (const { records } of scanNode(fake().node, range)) {
        for (const { key, value, clock, timestampSeconds } of records) {
          const content = keysOnly ? { valueSize: value.length } : { value };
          const timestamp = BigInt(timestampSeconds);
          entries.push({ tenantId, key, ...content, timestamp, vectorClock: clockMessage(clock) });
        }
      }
      const inLimit = limit === 0 ? entries : entries.slice(0, limit);
      for (let number = 0; number < inLimit.length; number++) {
        await fake().scanFault(number);
        const next = entries[number + 1]?.key ?? "";
        yield { entries: [inLimit[number]!], resumeToken: new TextEncoder().encode(next) };
      }
      await fake().scanFault(inLimit.length);
    },
  };
}
