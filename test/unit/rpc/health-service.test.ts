import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Health, HealthCheckRequestSchema } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import type { Call } from "../../../src/rpc/call.ts";
import type { StreamEndpoint } from "../../../src/rpc/endpoint.ts";
import { healthEndpoints } from "../../../src/rpc/health/health-service.ts";
import { ManualClock } from "../../support/manual-clock.ts";

test("five hundred watch, the next one is told that they do", async () => {
  const clock = new ManualClock();
  const endpoints = healthEndpoints({ clock, services: new Map([["", () => true]]) });
  const watch = endpoints.find(({ method }) => method === Health.method.watch) as StreamEndpoint;
  const begin = () => watch.run(create(HealthCheckRequestSchema, {}), {} as Call);
  const watches = Array.from({ length: 500 }, begin);
  for (const each of watches) await each.next();
  expect(begin).toThrow("all 500 places for Watch are taken; end one of these calls, or try again later");

  const waits = watches.map((each) => each.next());
  await watches[0]!.return();
  expect((await waits[0]!).done).toBe(true);
  begin();
  expect(begin).toThrow("all 500 places for Watch are taken");
  expect(clock.pendingTimerCount).toBe(499);
});
