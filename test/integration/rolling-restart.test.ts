/**
 * A node that is stopped and started again and again while grpc-js calls it. Whoever tries again what was UNAVAILABLE
 * sees no failure, and every acknowledged write is there at the end. ROLLING_RESTARTS makes it longer.
 */
import { afterAll, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  ReadRequestSchema,
  ReadResponseSchema,
  WriteRequestSchema,
} from "../../src/gen/storage/storage_node_pb.ts";
import { unary } from "../support/grpc-js.ts";
import { type NodeProcess, runCommand, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const restartCount = Number(process.env["ROLLING_RESTARTS"] ?? 3);
const callerCount = 16;
const tenantId = "rolling";

/** Callers of one node, by two connections; each writes keys of its own and reads the last one back. */
class Callers {
  readonly failures: string[] = [];
  readonly acknowledged = new Map<string, string>();
  callCount = 0;
  retryCount = 0;
  isOver = false;
  readonly #clients: grpc.Client[];

  constructor(address: string) {
    const options = { "grpc.use_local_subchannel_pool": 1, "grpc.max_reconnect_backoff_ms": 100 };
    this.#clients = [0, 1].map(() => new grpc.Client(address, grpc.credentials.createInsecure(), options));
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: callerCount }, (_, number) => this.#call(number)));
    for (const client of this.#clients) client.close();
  }

  async #call(number: number): Promise<void> {
    const client = this.#clients[number % this.#clients.length]!;
    for (let i = 0; !this.isOver; i++) {
      const key = `${number}-${i % 50}`;
      const value = Buffer.from(`${number}-${i}`);
      // With a clock, so that a second try is the same write.
      const clock = { entries: [{ coordinatorNodeId: "caller", logicalTimestamp: BigInt(i + 1) }] };
      const write = create(WriteRequestSchema, { tenantId, key, value, vectorClock: clock });
      if ((await this.#try(client, "Write", toBinary(WriteRequestSchema, write))) === undefined) return;
      this.acknowledged.set(key, value.toString());
      const read = toBinary(ReadRequestSchema, create(ReadRequestSchema, { tenantId, key }));
      const answer = await this.#try(client, "Read", read);
      if (answer === undefined) return;
      const found = Buffer.from(fromBinary(ReadResponseSchema, answer).value).toString();
      if (found !== value.toString()) this.failures.push(`${key} was ${found}, written was ${value}`);
    }
  }

  /** Calls until the answer is not UNAVAILABLE; undefined when that is another failure. */
  async #try(client: grpc.Client, method: string, request: Uint8Array): Promise<Buffer | undefined> {
    for (;;) {
      const answer = await unary(client, method, Buffer.from(request)).catch(
        (error: grpc.ServiceError) => error,
      );
      if (!(answer instanceof Error)) {
        this.callCount++;
        return answer;
      }
      if (answer.code !== grpc.status.UNAVAILABLE) {
        this.failures.push(`${method}: ${answer.message}`);
        return undefined;
      }
      this.retryCount++;
      await Bun.sleep(5);
    }
  }
}

async function restart(node: NodeProcess): Promise<NodeProcess> {
  expect(await node.stop()).toBe(0);
  const { dataDirectory, grpcPort } = node;
  return startNode({ dataDirectory, args: ["--grpc-port", String(grpcPort)] });
}

test(
  "no call and no acknowledged write is lost in rolling restarts",
  async () => {
    let node = await startNode();
    const callers = new Callers(node.grpcAddress);
    afterAll(() => {
      callers.isOver = true;
    });
    const running = callers.run();
    for (let i = 0; i < restartCount; i++) {
      const { callCount } = callers;
      await until(() => callers.callCount >= callCount + 500 || callers.failures.length > 0);
      node = await restart(node);
    }
    callers.isOver = true;
    await running;
    expect(callers.failures).toEqual([]);
    expect(callers.acknowledged.size).toBeGreaterThanOrEqual(callerCount);

    const client = new grpc.Client(node.grpcAddress, grpc.credentials.createInsecure());
    afterAll(() => client.close());
    for (const [key, value] of callers.acknowledged) {
      const read = toBinary(ReadRequestSchema, create(ReadRequestSchema, { tenantId, key }));
      const answer = await unary(client, "Read", Buffer.from(read));
      expect(Buffer.from(fromBinary(ReadResponseSchema, answer).value).toString()).toBe(value);
    }
    console.info(`${restartCount} restarts, ${callers.callCount} calls, ${callers.retryCount} tried again`);
  },
  20_000 * (restartCount + 1),
);

test("prestop makes the node not ready and waits for the drain delay", async () => {
  const environment = { PAIRDB_SERVER_DRAIN_DELAY: "1h" };
  const node = await startNode({ environment });
  const args = ["prestop", "--data-dir", node.dataDirectory];
  const shortly = { environment: { PAIRDB_SERVER_DRAIN_DELAY: "10ms" } };
  expect(await runCommand(args, shortly)).toMatchObject({
    exitCode: 0,
    stdout: "not ready; waits for 10ms\n",
  });
  const ready = await fetch(`${node.httpUrl}/ready`);
  expect([ready.status, ready.headers.get("connection")]).toEqual([503, "close"]);
  const got = await runCommand(["get", "nothing", "--addr", node.grpcAddress]);
  expect(got.stderr).toContain('has no key "nothing"');
  node.signal("SIGKILL");
  await node.exited;
  const late = await runCommand(args, shortly);
  expect(late.stderr).toContain(`no node runs on ${node.dataDirectory}`);
  expect(late.exitCode).not.toBe(0);
  const nowhere = await runCommand(["prestop", "--data-dir", temporaryFolder()], shortly);
  expect(nowhere.stderr).toContain("no node runs on");
});
