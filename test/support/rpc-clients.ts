import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { StorageNodeService } from "../../src/gen/storage/storage_node_pb.ts";
import type { TestServer } from "./test-server.ts";

export type StorageClient = Client<typeof StorageNodeService>;

export interface NamedClient {
  readonly name: string;
  readonly client: StorageClient;
  /** A client of another service on the same connection. */
  of<S extends DescService>(service: S): Client<S>;
  close(): void;
}

export interface NamedTransport {
  readonly name: string;
  readonly transport: Transport;
  close(): void;
}

/** For every protocol that each port speaks. */
export function everyTransport({
  grpcUrl,
  httpUrl,
}: Pick<TestServer, "grpcUrl" | "httpUrl">): NamedTransport[] {
  const onHttp2 = (
    name: string,
    make: (sessionManager: Http2SessionManager) => Transport,
  ): NamedTransport => {
    const sessions = new Http2SessionManager(grpcUrl);
    return { name: `${name} on the gRPC port`, transport: make(sessions), close: () => sessions.abort() };
  };
  const onHttp1 = (name: string, transport: Transport): NamedTransport => ({
    name: `${name} on the HTTP port`,
    transport,
    close: () => undefined,
  });
  const http2 = { baseUrl: grpcUrl, httpVersion: "2" } as const;
  const http1 = { baseUrl: httpUrl, httpVersion: "1.1" } as const;
  return [
    onHttp2("gRPC", (sessionManager) => createGrpcTransport({ baseUrl: grpcUrl, sessionManager })),
    onHttp2("gRPC-web", (sessionManager) => createGrpcWebTransport({ ...http2, sessionManager })),
    onHttp2("Connect", (sessionManager) => createConnectTransport({ ...http2, sessionManager })),
    onHttp1("gRPC-web", createGrpcWebTransport(http1)),
    onHttp1("Connect", createConnectTransport(http1)),
    onHttp1("Connect with JSON", createConnectTransport({ ...http1, useBinaryFormat: false })),
  ];
}

/** A client for every protocol that each port speaks. */
export function everyClient(server: TestServer): NamedClient[] {
  return everyTransport(server).map(({ name, transport, close }) => ({
    name,
    client: createClient(StorageNodeService, transport),
    of: (service) => createClient(service, transport),
    close,
  }));
}

/** The native gRPC client alone. */
export function grpcClient(server: TestServer): NamedClient {
  return everyClient(server)[0]!;
}

/** What a call failed with; fails the test when it did not. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("the call succeeded");
}
