/** The admin service of a real node, called by @grpc/grpc-js with nothing but the proto files. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { type NodeProcess, startNode } from "../support/node-process.ts";

const root = join(import.meta.dir, "../..");

type Message = Record<string, unknown>;
type ServiceOf = Record<string, grpc.ServiceClientConstructor>;

const definition = loadSync(
  ["storage/storage_node.proto", "pairdb/admin/v1/admin.proto", "grpc/health/v1/health.proto"],
  { includeDirs: [join(root, "proto")], keepCase: true, longs: Number, defaults: true },
);
const packages = grpc.loadPackageDefinition(definition) as unknown as {
  storage: ServiceOf;
  pairdb: { admin: { v1: ServiceOf } };
  grpc: { health: { v1: ServiceOf } };
};

/** One service of a node, by method name. */
class Service {
  readonly #client: grpc.Client;

  constructor(Client: grpc.ServiceClientConstructor | undefined, node: NodeProcess) {
    this.#client = new Client!(node.grpcAddress, grpc.credentials.createInsecure());
    afterAll(() => this.#client.close());
  }

  call(method: string, request: Message = {}): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#method(method)(request, (error: grpc.ServiceError | null, answer: Message) => {
        if (error === null) resolve(answer);
        else reject(error);
      });
    });
  }

  stream(method: string, request: Message = {}): AsyncIterator<Message> & { readonly cancel: () => void } {
    const stream: grpc.ClientReadableStream<Message> = this.#method(method)(request);
    stream.on("error", () => undefined);
    const iterator: AsyncIterator<Message> = stream[Symbol.asyncIterator]();
    return Object.assign(iterator, { cancel: () => stream.cancel() });
  }

  #method(name: string) {
    const method = (this.#client as unknown as Record<string, (...args: unknown[]) => never>)[name]!;
    return method.bind(this.#client);
  }
}

const servicesOf = (node: NodeProcess) => ({
  data: new Service(packages.storage["StorageNodeService"], node),
  admin: new Service(packages.pairdb.admin.v1["AdminService"], node),
  health: new Service(packages.grpc.health.v1["Health"], node),
});

async function refusalOf(call: Promise<unknown>): Promise<{ code: grpc.status; details: string }> {
  return call.then(
    () => ({ code: grpc.status.OK, details: "" }),
    ({ code, details }: grpc.ServiceError) => ({ code, details }),
  );
}

async function restOf(stream: AsyncIterator<Message>): Promise<Message[]> {
  const messages: Message[] = [];
  for (let step = await stream.next(); step.done !== true; step = await stream.next())
    messages.push(step.value);
  return messages;
}

const tenants = ["alpha", "alpha-2", "beta"];

describe.each(["native", "node"])("on the %s server", (http2) => {
  const environment = { PAIRDB_SERVER_HTTP2: http2 };

  test("a node is watched, flushed, compacted, copied and rid of a tenant", async () => {
    const node = await startNode({ environment });
    const { data, admin } = servicesOf(node);
    const samples = admin.stream("WatchStats", { interval_ms: 500 });
    expect((await samples.next()).value).toMatchObject({ interval_seconds: 0, health: { is_ready: true } });
    const value = Buffer.alloc(2000, 7);
    for (const round of [1, 2]) {
      for (const tenant_id of tenants) {
        for (let index = 0; index < 40; index++) {
          await data.call("Write", { tenant_id, key: `key-${index}`, value });
        }
      }
      const { memtables } = (await admin.call("GetStatus")) as { memtables: Message };
      expect(memtables["active_entry_count"]).toBeGreaterThanOrEqual(120);
      await admin.call("Flush");
      const { tables } = (await admin.call("ListTables", { level: 0 })) as { tables: Message[] };
      expect(tables).toHaveLength(round);
    }
    // The writes lie in one sample or in several.
    let callCount = 0;
    while (callCount < 239) {
      const { value: sample } = await samples.next();
      const write = (sample.methods as Message[]).find(({ method }) => method === "Write");
      if (write === undefined) continue;
      callCount += (write["calls_per_second"] as number) * (sample.interval_seconds as number);
      if (write["calls_per_second"] !== 0) expect(write["p99_seconds"]).toBeGreaterThan(0);
    }
    samples.cancel();

    const progress = await restOf(admin.stream("Compact"));
    expect(progress.at(-1)).toMatchObject({ is_done: true });
    expect(progress.at(-1)!["compacted_bytes"]).toBeGreaterThan(0);
    const { levels } = (await admin.call("ListLevels")) as { levels: Message[] };
    expect(levels.map(({ table_count }) => Math.sign(table_count as number))).toEqual([0, 1, 0, 0, 0]);
    expect(levels[1]!["entry_count"]).toBe(120);

    const { directory } = await admin.call("Checkpoint", { name: "before-delete" });
    expect(directory).toBe(join(node.dataDirectory, "checkpoints/before-delete"));
    const again = await refusalOf(admin.call("Checkpoint", { name: "before-delete" }));
    expect(again.code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(again.details).toContain("is not empty");
    for (const name of ["../outside", "/tmp/outside", "a/../../b"]) {
      expect((await refusalOf(admin.call("Checkpoint", { name }))).code).toBe(grpc.status.INVALID_ARGUMENT);
    }
    expect(existsSync(join(node.dataDirectory, "outside"))).toBe(false);

    const listed = async (service: Service) => {
      const answer = (await service.call("ListTenants")) as { tenants: Message[] };
      return answer.tenants.map(({ tenant_id }) => tenant_id);
    };
    expect(await listed(admin)).toEqual(["alpha-2", "alpha", "beta"]);
    const [, size] = ((await admin.call("ListTenants")) as { tenants: Message[] }).tenants;
    expect(size!["approximate_table_bytes"]).toBeGreaterThan(40 * 2000 * 0.8);
    const half = await refusalOf(admin.call("DeleteTenant", { tenant_id: "alpha" }));
    expect(half.code).toBe(grpc.status.INVALID_ARGUMENT);
    const deleted = await admin.call("DeleteTenant", { tenant_id: "alpha", confirm_tenant_id: "alpha" });
    expect(deleted).toMatchObject({
      is_local_only: true,
      approximate_bytes: size!["approximate_table_bytes"],
    });
    expect(await listed(admin)).toEqual(["alpha-2", "beta"]);
    expect((await data.call("Read", { tenant_id: "alpha", key: "key-1" }))["success"]).toBe(false);
    expect(await node.stop()).toBe(0);

    const copy = await startNode({ environment, dataDirectory: directory as string });
    const { data: copiedData, admin: copiedAdmin } = servicesOf(copy);
    expect(await listed(copiedAdmin)).toEqual(["alpha-2", "alpha", "beta"]);
    expect((await copiedData.call("Read", { tenant_id: "alpha", key: "key-1" }))["value"]).toEqual(value);
    // With a directory of checkpoints among its files it starts again, too.
    expect(await copy.stop()).toBe(0);
    const restarted = await startNode({ environment, dataDirectory: node.dataDirectory });
    expect(await listed(servicesOf(restarted).admin)).toEqual(["alpha-2", "beta"]);
    await restarted.stop();
  }, 60_000);

  test("tells its configuration, changes its log, and ends its streams at once when it stops", async () => {
    const node = await startNode({ environment });
    const { data, admin, health } = servicesOf(node);
    const { settings } = (await admin.call("GetConfiguration")) as { settings: Message[] };
    expect(settings).toContainEqual({ key: "server.http2", value: JSON.stringify(http2) });
    expect(settings).toContainEqual({ key: "storage.data_dir", value: JSON.stringify(node.dataDirectory) });

    const clock = { entries: [{ coordinator_node_id: "c", logical_timestamp: 5 }] };
    const writeStale = async () => {
      await data.call("Write", { tenant_id: "t", key: "k", value: "new", vector_clock: clock });
      clock.entries[0]!.logical_timestamp--;
      await data.call("Write", { tenant_id: "t", key: "k", value: "old", vector_clock: clock });
    };
    await writeStale();
    expect(node.output()).not.toContain("stale write");
    expect(await admin.call("SetLogLevel", { level: "debug" })).toEqual({ previous_level: "info" });
    await writeStale();
    while (!node.output().includes("stale write")) await Bun.sleep(5);

    await admin.call("PauseCompaction");
    const streams = [
      admin.stream("WatchStats", { interval_ms: 60_000 }),
      admin.stream("Compact"),
      health.stream("Watch"),
    ];
    for (const stream of streams) await stream.next();
    const ends = streams.map((stream) => refusalOf(restOf(stream)));
    const stopped = node.stop();
    for (const end of ends) expect((await end).code).toBe(grpc.status.UNAVAILABLE);
    expect(await stopped).toBe(0);
  }, 60_000);
});
