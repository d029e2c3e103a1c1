/** What a web page does with a node over gRPC-web. The address and the token come from whoever bundles it. */
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { StorageNodeService } from "../../../src/gen/storage/storage_node_pb.ts";

declare const nodeUrl: string;
declare const token: string;

const client = createClient(StorageNodeService, createGrpcWebTransport({ baseUrl: nodeUrl }));
const options = { headers: { authorization: `Bearer ${token}` } };
const tenantId = "page";
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

const written = (await client.write({ tenantId, key: "a", value: bytes("one") }, options)).success;
const read = text((await client.read({ tenantId, key: "a" }, options)).value);
const deleted = (await client.delete({ tenantId, key: "a" }, options)).success;
const gone = !(await client.read({ tenantId, key: "a" }, options)).success;
const entries = ["b", "c"].map((key) => ({ tenantId, key, value: bytes(key) }));
const batch = (await client.batchWrite({ entries }, options)).results.map(({ success }) => success);
const answers = await client.batchRead({ tenantId, keys: ["b", "c"] }, options);
const batchRead = answers.results.map(({ value }) => text(value));
const scanned: string[] = [];
for await (const chunk of client.scan({ tenantId }, options))
  scanned.push(...chunk.entries.map(({ key }) => key));
const withoutToken = await client.read({ tenantId, key: "b" }).then(
  () => "OK",
  (error) =>
    String(error.message)
      .replace(/^\[(\w+)\].*/s, "$1")
      .toUpperCase(),
);
console.info(JSON.stringify({ written, read, deleted, gone, batch, batchRead, scanned, withoutToken }));
