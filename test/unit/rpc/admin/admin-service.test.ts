import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { FlushRequestSchema } from "../../../../src/gen/pairdb/admin/v1/admin_pb.ts";
import { adminEndpoints } from "../../../../src/rpc/admin/admin-service.ts";
import type { Call } from "../../../../src/rpc/call.ts";
import { noBackups } from "../../../support/no-backups.ts";
import { noStreams } from "../../../support/no-streams.ts";
import { testAdminSources } from "../../../support/test-admin-sources.ts";
import { testNode } from "../../../support/test-node.ts";

test("a flush tells how long it took", async () => {
  const { node, store, administration, clock } = testNode();
  const flushed = Promise.withResolvers<void>();
  store.flush = () => flushed.promise;
  const endpoints = adminEndpoints({
    clock,
    node: () => node,
    administration: () => administration,
    streams: () => noStreams,
    backups: () => noBackups,
    sources: testAdminSources(),
  });
  const flush = endpoints.find(({ method }) => method.name === "Flush");
  if (flush?.kind !== "unary") throw new Error("Flush is not unary");
  const answer = flush.run(create(FlushRequestSchema), {} as Call);
  clock.advance(1500);
  flushed.resolve();
  expect(await answer).toEqual({ durationSeconds: 1.5 });
});
