/** What a node tells of calls that took too long, and of its log, to operators who ask it. */
import { expect, test } from "bun:test";
import { envelope, envelopePrefixBytes } from "../../src/rpc/envelope.ts";
import { keyHash } from "../../src/versions/key-hash.ts";
import { startNode } from "../support/node-process.ts";

interface Line {
  readonly message: string;
  readonly fieldsJson: string;
}

test("by its log, by SlowRequests and by TailLog, and never with the key or the value", async () => {
  const node = await startNode({
    environment: { PAIRDB_LOGGING_SLOW_CALL: "1ms", PAIRDB_COMMIT_LOG_SYNC: "always" },
  });
  const call = (path: string, message: object, contentType = "application/json") =>
    fetch(`${node.httpUrl}/${path}`, {
      method: "POST",
      headers: { "content-type": contentType },
      body: JSON.stringify(message),
    });
  const record = { tenantId: "default", key: "secret-key" };
  // How long a write takes is the disk's affair: one of them will take a millisecond.
  let requests: Record<string, unknown>[] = [];
  while (requests.length === 0) {
    await call("storage.StorageNodeService/Write", { ...record, value: btoa("secret-value".repeat(50_000)) });
    const answer = await call("pairdb.admin.v1.AdminService/SlowRequests", {});
    ({ requests = [] } = (await answer.json()) as { requests?: typeof requests });
  }
  const hash = keyHash("default", "secret-key").toString(16).padStart(16, "0");
  expect(requests[0]).toMatchObject({ method: "Write", status: "OK", tenantId: "default", keyHash: hash });
  const line = node
    .output()
    .split("\n")
    .find((text) => text.includes('"msg":"slow call"'))!;
  expect(JSON.parse(line)).toMatchObject({ key_hash: hash, request_id: requests[0]!["requestId"] });

  const tail = await tailed(node.httpUrl);
  expect(tail.map(({ message }) => message)).toContain("slow call");
  expect(tail.find(({ message }) => message === "slow call")!.fieldsJson).toContain(hash);
  expect(node.output() + JSON.stringify([requests, tail])).not.toMatch(/secret|c2VjcmV0/);
}, 60_000);

/** The lines of the first message of TailLog, by Connect's streaming protocol. */
async function tailed(httpUrl: string): Promise<Line[]> {
  const request = new TextEncoder().encode(JSON.stringify({ backlogCount: 500 }));
  const response = await fetch(`${httpUrl}/pairdb.admin.v1.AdminService/TailLog`, {
    method: "POST",
    headers: { "content-type": "application/connect+json", "connect-protocol-version": "1" },
    body: envelope(0, request),
  });
  const reader = response.body!.getReader();
  let bytes = Buffer.alloc(0);
  while (bytes.length < envelopePrefixBytes || bytes.length < envelopePrefixBytes + bytes.readUInt32BE(1)) {
    const { value } = await reader.read();
    bytes = Buffer.concat([bytes, value!]);
  }
  await reader.cancel();
  return JSON.parse(bytes.toString("utf8", envelopePrefixBytes, envelopePrefixBytes + bytes.readUInt32BE(1)))
    .lines;
}
