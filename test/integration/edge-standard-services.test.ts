/** gRPC's own services, health and reflection, as the clients of others use them. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { noBackups } from "../support/no-backups.ts";
import { noStreams } from "../support/no-streams.ts";
import { hasGrpcio, python, requirePeer } from "../support/peers.ts";
import { everyClient, failureOf, grpcClient } from "../support/rpc-clients.ts";
import { createTestServer, startTestServer, type TestServer } from "../support/test-server.ts";

const root = join(import.meta.dir, "../..");
const storage = "storage.StorageNodeService";
const services = [
  storage,
  "pairdb.admin.v1.AdminService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

const server = await startTestServer();
const clients = everyClient(server);
afterAll(() => clients.forEach((client) => void client.close()));

function restOf<T>(stream: AsyncIterable<T>): AsyncIterator<T> {
  return stream[Symbol.asyncIterator]();
}

describe.each(clients.map((client) => [client.name, client] as const))("health by %s", (_, client) => {
  const health = client.of(Health);

  test("says which services take calls", async () => {
    for (const service of ["", ...services]) {
      expect((await health.check({ service })).status).toBe(Status.SERVING);
    }
    const { statuses } = await health.list({});
    expect(Object.keys(statuses).sort()).toEqual(["", ...services].sort());
    expect(Object.values(statuses).map(({ status }) => status)).toEqual(Array(6).fill(Status.SERVING));
  });

  test("a service that is not there is NOT_FOUND", async () => {
    for (const service of ["storage", "x".repeat(100_000), "toString"]) {
      expect(ConnectError.from(await failureOf(health.check({ service }))).code).toBe(Code.NotFound);
    }
  });

  test("data is not served where the node is not ready, everything else is", async () => {
    server.isReady = false;
    const { statuses } = await health.list({});
    server.isReady = true;
    const notServing = Object.keys(statuses).filter((name) => statuses[name]?.status === Status.NOT_SERVING);
    expect(notServing.sort()).toEqual(["", storage]);
  });

  test("an unknown service is watched as unknown", async () => {
    const watch = restOf(health.watch({ service: "storage" }));
    expect((await watch.next()).value?.status).toBe(Status.SERVICE_UNKNOWN);
    await watch.return?.();
  });
});

describe("health", () => {
  test("a watcher is told each change", async () => {
    const watches = clients.map((client) => restOf(client.of(Health).watch({ service: storage })));
    const next = async () =>
      (await Promise.all(watches.map((watch) => watch.next()))).map(({ value }) => value?.status);
    const every = (status: Status) => clients.map(() => status);
    expect(await next()).toEqual(every(Status.SERVING));
    server.isReady = false;
    expect(await next()).toEqual(every(Status.NOT_SERVING));
    server.isReady = true;
    expect(await next()).toEqual(every(Status.SERVING));
    await Promise.all(watches.map((watch) => watch.return?.()));
  });

  async function unstarted(recovery: Promise<void>): Promise<TestServer> {
    const created = createTestServer({
      openStore: async ({ node, administration }) => {
        await recovery;
        return { node, administration, streams: noStreams, backups: noBackups, close: async () => undefined };
      },
    });
    afterAll(() => created.server.shutdown());
    return created;
  }

  test("is told while the node starts, and the watchers of then see it serve", async () => {
    const recovery = Promise.withResolvers<void>();
    const starting = await unstarted(recovery.promise);
    const started = starting.server.start();
    const health = everyClient(starting).at(-1)!.of(Health);
    const watches = ["", storage, "grpc.reflection.v1.ServerReflection"].map((service) =>
      restOf(health.watch({ service })),
    );
    for (const watch of watches) expect((await watch.next()).value?.status).toBe(Status.NOT_SERVING);
    expect((await health.check({ service: "grpc.health.v1.Health" })).status).toBe(Status.SERVING);
    recovery.resolve();
    await started;
    for (const watch of watches) expect((await watch.next()).value?.status).toBe(Status.SERVING);
    await Promise.all(watches.map((watch) => watch.return?.()));
  });

  test("a watch ends with UNAVAILABLE at once when the node stops", async () => {
    const stopping = await startTestServer();
    const every = everyClient(stopping);
    const watches = every.map((client) => restOf(client.of(Health).watch({ service: storage })));
    for (const watch of watches) expect((await watch.next()).value?.status).toBe(Status.SERVING);
    const ends = watches.map((watch) => failureOf(watch.next()));
    expect(await stopping.server.shutdown()).toBe(true);
    for (const end of ends) expect(ConnectError.from(await end).code).toBe(Code.Unavailable);
    for (const client of every) client.close();
  });
});

/** A client of @grpc/grpc-js made from proto files alone, without generated code. */
function grpcJs(
  file: string,
  find: (
    root: grpc.GrpcObject,
  ) => grpc.GrpcObject | grpc.ProtobufTypeDefinition | grpc.ServiceClientConstructor | undefined,
) {
  const definition = loadSync(join(root, "proto", file), { includeDirs: [join(root, "proto")] });
  const Service = find(grpc.loadPackageDefinition(definition)) as grpc.ServiceClientConstructor;
  const client = new Service(`127.0.0.1:${server.server.grpcPort}`, grpc.credentials.createInsecure());
  afterAll(() => client.close());
  return client;
}

test("health by grpc-js", async () => {
  const client = grpcJs(
    "grpc/health/v1/health.proto",
    (all) => (Object(all["grpc"]).health.v1 as grpc.GrpcObject)["Health"],
  );
  const check = (service: string) =>
    new Promise((resolve) => {
      client["Check"]!({ service }, (error: grpc.ServiceError | null, answer: { status: string }) =>
        resolve(error?.code ?? answer.status),
      );
    });
  expect(await check(storage)).toBe(Status.SERVING);
  expect(await check("nobody")).toBe(grpc.status.NOT_FOUND);
  const watch = client["Watch"]!({ service: "nobody" });
  watch.on("error", () => undefined);
  for await (const answer of watch) {
    expect(answer.status).toBe(Status.SERVICE_UNKNOWN);
    break;
  }
});

type Ask =
  Parameters<Client<typeof ServerReflection>["serverReflectionInfo"]>[0] extends AsyncIterable<infer R>
    ? R
    : never;

async function* all<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe("reflection", () => {
  const client = grpcClient(server);
  const reflection = client.of(ServerReflection);
  afterAll(() => client.close());
  const ask = async (...questions: Ask["messageRequest"][]) => {
    const requests = questions.map((messageRequest) => ({ messageRequest }) as Ask);
    return (await Array.fromAsync(reflection.serverReflectionInfo(all(requests)))).map(
      (answer) => answer.messageResponse,
    );
  };

  test("its files hold every service with all its messages, and nothing else is needed", async () => {
    const [list] = await ask({ case: "listServices", value: "" });
    const names = list?.case === "listServicesResponse" ? list.value.service.map(({ name }) => name) : [];
    expect(names).toEqual(services);
    for (const name of names) {
      const [answer] = await ask({ case: "fileContainingSymbol", value: name });
      if (answer?.case !== "fileDescriptorResponse") throw new Error(`no file for ${name}`);
      const file = answer.value.fileDescriptorProto.map((bytes) =>
        fromBinary(FileDescriptorProtoSchema, bytes),
      );
      const registry = createFileRegistry({ $typeName: FileDescriptorSetSchema.typeName, file });
      const methods = registry.getService(name)?.methods ?? [];
      expect(methods.length).toBeGreaterThan(0);
      for (const method of methods) expect(registry.getMessage(method.input.typeName)).toBe(method.input);
    }
  });

  test.each([
    ["a service", storage],
    ["a method", `${storage}.Read`],
    ["a message", "storage.ReadRequest"],
    ["a nested message", "storage.ErrorDetails.DetailsEntry"],
    ["a field", "storage.ReadRequest.tenant_id"],
    ["an enum", "storage.ErrorCode"],
    ["an enum's value", "storage.KEY_NOT_FOUND"],
  ])("finds %s", async (_, symbol) => {
    const [answer, byName] = await ask(
      { case: "fileContainingSymbol", value: symbol },
      { case: "fileByFilename", value: "storage/storage_node.proto" },
    );
    expect(answer?.case).toBe("fileDescriptorResponse");
    expect(answer).toEqual(byName!);
  });

  test("an enum's value and a oneof inside a message are found too", async () => {
    const fileOf = async (symbol: string) => {
      const [answer] = await ask({ case: "fileContainingSymbol", value: symbol });
      if (answer?.case !== "fileDescriptorResponse") return answer?.case;
      return (
        fromBinary(FileDescriptorProtoSchema, answer.value.fileDescriptorProto[0]!) as FileDescriptorProto
      ).name;
    };
    expect(await fileOf("grpc.health.v1.HealthCheckResponse.SERVING")).toBe("grpc/health/v1/health.proto");
    expect(await fileOf("grpc.reflection.v1.ServerReflectionRequest.message_request")).toBe(
      "grpc/reflection/v1/reflection.proto",
    );
  });

  test("what is not there is an answer, and the stream goes on", async () => {
    const answers = await ask(
      { case: "fileContainingSymbol", value: "storage.Nothing" },
      { case: "fileByFilename", value: "nothing.proto" },
      {
        case: "fileContainingExtension",
        value: { containingType: "storage.ReadRequest", extensionNumber: 1 } as never,
      },
      { case: "allExtensionNumbersOfType", value: "nothing" },
      { case: "allExtensionNumbersOfType", value: "storage.ReadRequest" },
      { case: undefined },
    );
    const told = answers.map(({ case: kind, value }) => (kind === "errorResponse" ? value.errorCode : kind));
    const { NotFound, InvalidArgument } = Code;
    expect(told).toEqual([
      NotFound,
      NotFound,
      NotFound,
      NotFound,
      "allExtensionNumbersResponse",
      InvalidArgument,
    ]);
  });

  test("a stream may be quiet for longer than a request may take", async () => {
    const clock = new ManualClock();
    const slow = await startTestServer({ clock, settings: { readTimeoutMs: 50 } });
    const slowClient = grpcClient(slow);
    const gate = Promise.withResolvers<void>();
    async function* requests() {
      yield { messageRequest: { case: "listServices", value: "" } } as Ask;
      await gate.promise;
      yield { messageRequest: { case: "listServices", value: "" } } as Ask;
    }
    const answers = restOf(slowClient.of(ServerReflection).serverReflectionInfo(requests()));
    await answers.next();
    clock.advance(200);
    gate.resolve();
    expect((await answers.next()).done).toBe(false);
    slowClient.close();
  });
});

const isGrpcioThere = requirePeer("python3-grpcio", hasGrpcio);

test.if(isGrpcioThere).each(["v1", "v1alpha"])(
  "python3-grpcio calls every kind of method with what reflection %s tells it",
  async (version) => {
    const script = join(import.meta.dir, "foreign-client/reflection.py");
    const child = Bun.spawn([python, script, `127.0.0.1:${server.server.grpcPort}`, version], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [printed, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) throw new Error(complaints);
    expect(printed.trim().split("\n")).toEqual([...services, "write", "read", "scan", "health", "watch"]);
  },
);
