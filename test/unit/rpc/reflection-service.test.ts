import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflectionRequestSchema } from "../../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import type { Call } from "../../../src/rpc/call.ts";
import type { ExchangeEndpoint } from "../../../src/rpc/endpoint.ts";
import { reflectionEndpoints } from "../../../src/rpc/reflection/reflection-service.ts";

async function* askAndWait() {
  yield create(ServerReflectionRequestSchema, { messageRequest: { case: "listServices", value: "" } });
  await new Promise<never>(() => undefined);
}

test("sixty-four calls may stay open, of both versions together", async () => {
  const endpoints = reflectionEndpoints([Health]) as ExchangeEndpoint[];
  const begin = (index: number) => endpoints[index % 2]!.run(askAndWait(), {} as Call);
  const calls = Array.from({ length: 64 }, (_, index) => begin(index));
  for (const call of calls) expect((await call.next()).done).toBe(false);
  await expect(begin(0).next()).rejects.toThrow("all 64 places for ServerReflectionInfo are taken");
  await calls[0]!.return();
  expect((await begin(1).next()).done).toBe(false);
});
