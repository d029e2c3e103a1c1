/**
 * A node under the load of a program that knows nothing of it: it does exactly what it is asked, and leaves clean
 * files behind. LOAD_CALLS makes it longer.
 */
import { describe, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ReadRequestSchema, WriteRequestSchema } from "../../src/gen/storage/storage_node_pb.ts";
import { isH2loadThere } from "../support/h2load.ts";
import { type Load, runLoad } from "../support/load.ts";
import { readCounters } from "../support/node-counters.ts";
import { runCommand, startNode } from "../support/node-process.ts";
import { requirePeer } from "../support/peers.ts";

const callCount = Number(process.env["LOAD_CALLS"] ?? 6000);
const value = "v".repeat(100);

/** Small, so that the load fills several. */
const environment = { PAIRDB_MEM_TABLE_MAX_SIZE: String(1 << 20) };

function write(key: string): Load {
  const message = create(WriteRequestSchema, { tenantId: "default", key, value: Buffer.from(value) });
  const request = toBinary(WriteRequestSchema, message);
  return { method: "Write", request, callCount, connectionCount: 8, streamCount: 32, appendsPerCall: 1 };
}

function read(key: string): Load {
  const request = toBinary(ReadRequestSchema, create(ReadRequestSchema, { tenantId: "default", key }));
  return { ...write(key), method: "Read", request, appendsPerCall: 0 };
}

describe.if(requirePeer("h2load, of nghttp2-client,", isH2loadThere))("under load", () => {
  test("every call is answered and counted, and the files are clean after SIGTERM", async () => {
    const node = await startNode({ environment });
    await runLoad(node, write("a"));
    await runLoad(node, read("a"));
    await runLoad(node, write("b"));
    const counters = await readCounters(node.httpUrl);
    expect(counters.get('pairdb_storage_write_requests_total{error="false"}')).toBe(2 * callCount);
    expect(counters.get("pairdb_memtable_flushes_total")).toBeGreaterThan(0);

    expect(await node.stop()).toBe(0);
    const verified = await runCommand(["verify", node.dataDirectory]);
    expect(verified.stdout).toMatch(/^clean: /m);
    expect(verified.exitCode).toBe(0);

    const { dataDirectory } = node;
    const restarted = await startNode({ dataDirectory, environment });
    for (const key of ["a", "b"]) {
      expect((await runCommand(["get", key, "--addr", restarted.grpcAddress])).stdout).toBe(value);
    }
  }, 300_000);

  test("canary: a run whose calls were refused is not believed", async () => {
    const node = await startNode();
    const load = { ...write(""), callCount: 64, connectionCount: 2 };
    await expect(runLoad(node, load)).rejects.toThrow(/INVALID_ARGUMENT[^,]*:64/);
  });

  test("canary: a run that added another number of entries is not believed", async () => {
    const node = await startNode();
    const load = { ...write("a"), callCount: 64, connectionCount: 2, appendsPerCall: 2 };
    await expect(runLoad(node, load)).rejects.toThrow('"appends":{"pairdb_commitlog_appends_total":64}');
  });
});
