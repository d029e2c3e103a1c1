/** A node that is drained under load, killed in between, and taken back into service. */
import { describe, expect, test } from "bun:test";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Health, HealthCheckResponse_ServingStatus } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { ErrorDetailsSchema, StorageNodeService } from "../../src/gen/storage/storage_node_pb.ts";
import { freePort } from "../support/gossip/foreign-members.ts";
import { waitUntil } from "../support/gossip/loopback-member.ts";
import { type NodeProcess, runCommand, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

/** What takes so long hangs. */
const hangMs = 60_000;
const tenantId = "t";

interface Clients {
  readonly data: Client<typeof StorageNodeService>;
  readonly health: Client<typeof Health>;
  close(): void;
}

function clientsOf({ grpcAddress }: NodeProcess): Clients {
  const baseUrl = `http://${grpcAddress}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const transport = createGrpcTransport({ baseUrl, sessionManager });
  return {
    data: createClient(StorageNodeService, transport),
    health: createClient(Health, transport),
    close: () => sessionManager.abort(),
  };
}

const contentOf = (key: string) => new TextEncoder().encode(`value of ${key} ${"=".repeat(100)}`);

function reasonOf(error: unknown): string | undefined {
  const [details] = ConnectError.from(error).findDetails(ErrorDetailsSchema);
  return details === undefined ? undefined : `${details.code} ${details.details["reason"]}`;
}

/** Writers, each until it is refused, and readers of what was acknowledged, until they are told to stop. */
class Load {
  readonly acknowledged: string[] = [];
  readonly refusals: (string | undefined)[] = [];
  readonly failedReads: unknown[] = [];
  readonly writers: Promise<void>[];
  readonly readers: Promise<void>[];
  readCount = 0;
  isOver = false;

  constructor(data: Clients["data"]) {
    this.writers = Array.from({ length: 8 }, (_, writer) => this.#write(data, writer));
    this.readers = Array.from({ length: 4 }, () => this.#read(data));
  }

  async #write(data: Clients["data"], writer: number): Promise<void> {
    for (let number = 0; ; number++) {
      const key = `${writer}-${number}`;
      try {
        await data.write({ tenantId, key, value: contentOf(key) });
        this.acknowledged.push(key);
      } catch (error) {
        this.refusals.push(reasonOf(error));
        return;
      }
    }
  }

  async #read(data: Clients["data"]): Promise<void> {
    for (; !this.isOver; this.readCount++) {
      const key = this.acknowledged[(this.readCount * 7) % this.acknowledged.length] ?? "";
      if (key === "") await Bun.sleep(1);
      else {
        try {
          const { success } = await data.read({ tenantId, key });
          if (!success) this.failedReads.push(key);
        } catch (error) {
          this.failedReads.push(error);
        }
      }
    }
  }
}

async function expectDraining(node: NodeProcess, { data, health }: Clients): Promise<void> {
  const write = data.write({ tenantId, key: "late", value: contentOf("late") });
  expect(reasonOf(await write.catch((error: unknown) => error))).toBe("2001 NODE_DRAINING");
  const ready = await fetch(`${node.httpUrl}/ready`);
  expect([ready.status, await ready.text()]).toEqual([
    503,
    expect.stringContaining("the node is draining: it takes no writes"),
  ]);
  expect((await health.check({})).status).toBe(HealthCheckResponse_ServingStatus.NOT_SERVING);
  expect(await (await fetch(`${node.httpUrl}/metrics`)).text()).toMatch(
    /^pairdb_storage_draining\{[^}]*\} 1$/m,
  );
  const status = await runCommand(["status", "--addr", node.grpcAddress]);
  expect(status.stdout).toMatch(/^drain +drained$/m);
}

async function expectHeld(data: Clients["data"], keys: readonly string[]): Promise<void> {
  for (let index = 0; index < keys.length; index += 500) {
    const page = keys.slice(index, index + 500);
    const { results } = await data.batchRead({ tenantId, keys: page });
    expect(results.map(({ success }) => success)).toEqual(page.map(() => true));
  }
}

describe("a node that is drained", () => {
  test("under load loses no write and fails no read, also when it is killed; and is taken back", async () => {
    const dataDirectory = temporaryFolder();
    const gossipPort = await freePort();
    const environment = {
      PAIRDB_GOSSIP_ENABLED: "true",
      PAIRDB_GOSSIP_BIND_PORT: String(gossipPort),
    };
    const first = await startNode({ dataDirectory, environment });
    let clients = clientsOf(first);
    const load = new Load(clients.data);
    await waitUntil(
      () => load.acknowledged.length > 500 && load.readCount > 100,
      hangMs,
      () => load.acknowledged.length,
    );
    const drained = await runCommand(["drain", "--addr", first.grpcAddress]);
    expect(drained).toMatchObject({ exitCode: 0, stderr: "drained\n" });
    await Promise.all(load.writers);
    load.isOver = true;
    await Promise.all(load.readers);
    expect(new Set(load.refusals)).toEqual(new Set(["2001 NODE_DRAINING"]));
    expect(load.failedReads).toEqual([]);
    await expectDraining(first, clients);
    const members = () => runCommand(["members", "--gossip-addr", `127.0.0.1:${gossipPort}`]);
    await waitUntil(async () => / draining$/m.test((await members()).stdout), hangMs, members);
    clients.close();

    // Between draining and removal.
    await first.kill();
    const second = await startNode({ dataDirectory });
    clients = clientsOf(second);
    expect(second.output()).toContain("the node is draining and takes no writes");
    await expectDraining(second, clients);
    await expectHeld(clients.data, load.acknowledged);

    expect(await runCommand(["undrain", "--addr", second.grpcAddress])).toMatchObject({
      exitCode: 0,
      stderr: "it takes writes again\n",
    });
    expect((await clients.data.write({ tenantId, key: "late", value: contentOf("late") })).success).toBe(
      true,
    );
    expect((await fetch(`${second.httpUrl}/ready`)).status).toBe(200);
    const again = await runCommand(["drain", "--no-wait", "--json", "--addr", second.grpcAddress]);
    expect(JSON.parse(again.stdout)).toMatchObject({
      success: true,
      status: expect.stringMatching(/^drain(ing|ed)$/),
    });
    clients.close();
    expect(await second.stop()).toBe(0);

    const third = await startNode({ dataDirectory, args: ["--undrain"] });
    clients = clientsOf(third);
    expect(third.output()).toContain("the node was draining, and takes writes again");
    expect((await clients.data.write({ tenantId, key: "later", value: contentOf("x") })).success).toBe(true);
    await expectHeld(clients.data, [...load.acknowledged, "late", "later"]);
    clients.close();
  }, 300_000);

  test("is asked for with a time to wait that there is", async () => {
    const node = await startNode();
    const clients = clientsOf(node);
    for (const timeoutSeconds of [-1, 3601]) {
      await expect(clients.data.drainNode({ graceful: true, timeoutSeconds })).rejects.toThrow(
        `timeout_seconds is ${timeoutSeconds}; allowed is 0, which means 60, to 3600`,
      );
    }
    clients.close();
  }, 300_000);
});
