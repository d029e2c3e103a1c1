/** Clients by other hands against a node with TLS and tokens: each writes, reads, deletes, batches and scans. */
import { expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { hasChromium, openOrigin } from "../support/browser.ts";
import { isOpensslThere, makeAuthority, makeCertificate } from "../support/certificates.ts";
import { startNode } from "../support/node-process.ts";
import { hasGrpcio, python, requirePeer } from "../support/peers.ts";
import { temporaryFolder } from "../support/temp-folder.ts";
import { testToken, tokenFileText } from "../support/tokens.ts";

const root = join(import.meta.dir, "../..");
const clients = join(import.meta.dir, "foreign-client");
const folder = temporaryFolder();
const web = openOrigin();
const token = testToken(["read", "write"]);

/** What every client finds. */
const found = {
  written: true,
  read: "one",
  deleted: true,
  gone: true,
  batch: [true, true],
  batchRead: ["b", "c"],
  scanned: ["b", "c"],
  withoutToken: "UNAUTHENTICATED",
};

async function startSecured() {
  const authority = makeAuthority(folder, "authority");
  const { keyPath, certificatePath } = makeCertificate(folder, "server", "authority");
  chmodSync(keyPath, 0o600);
  const tokenPath = join(folder, "tokens");
  writeFileSync(tokenPath, tokenFileText([token]), { mode: 0o600 });
  const node = await startNode({
    environment: {
      PAIRDB_TLS_CERT_FILE: certificatePath,
      PAIRDB_TLS_KEY_FILE: keyPath,
      PAIRDB_AUTH_MODE: "tokens",
      PAIRDB_AUTH_TOKEN_FILE: tokenPath,
      PAIRDB_SERVER_CORS_ORIGINS: web.origin,
    },
  });
  return { node, authority, httpUrl: `https://127.0.0.1:${node.httpPort}` };
}

const secured = isOpensslThere ? await startSecured() : undefined;

async function run(command: readonly string[], input?: Uint8Array): Promise<Buffer> {
  const stdin = input === undefined ? "ignore" : new Blob([input as Uint8Array<ArrayBuffer>]);
  const child = Bun.spawn([...command], { stdin, stdout: "pipe", stderr: "pipe" });
  const [printed, complaints] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${command[0]}: ${complaints}`);
  return Buffer.from(printed);
}

test.if(isOpensslThere)("grpc-js", async () => {
  const { node, authority } = secured!;
  const definition = loadSync(join(root, "proto/storage/storage_node.proto"), { defaults: true });
  const Service = (grpc.loadPackageDefinition(definition)["storage"] as grpc.GrpcObject)[
    "StorageNodeService"
  ] as grpc.ServiceClientConstructor;
  const trust = grpc.credentials.createSsl(Buffer.from(authority.certificate));
  const client = new Service(`localhost:${node.grpcPort}`, trust);
  const metadata = new grpc.Metadata();
  metadata.set("authorization", token.authorization);
  type Answer = Record<string, unknown> & { results: { success: boolean; value: Buffer }[] };
  const call = (method: string, request: object, sent = metadata): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const answered = (error: Error | null, answer: Answer) => (error ? reject(error) : resolve(answer));
      (client[method] as (...args: unknown[]) => void).call(client, request, sent, answered);
    });

  const tenantId = "js";
  const written = (await call("Write", { tenantId, key: "a", value: Buffer.from("one") }))["success"];
  const read = String((await call("Read", { tenantId, key: "a" }))["value"]);
  const deleted = (await call("Delete", { tenantId, key: "a" }))["success"];
  const gone = !(await call("Read", { tenantId, key: "a" }))["success"];
  const entries = ["b", "c"].map((key) => ({ tenantId, key, value: Buffer.from(key) }));
  const batch = (await call("BatchWrite", { entries })).results.map(({ success }) => success);
  const batchRead = (await call("BatchRead", { tenantId, keys: ["b", "c"] })).results.map(({ value }) =>
    String(value),
  );
  const scanned: string[] = [];
  const scan = client["Scan"] as (...args: unknown[]) => AsyncIterable<{ entries: { key: string }[] }>;
  for await (const chunk of scan.call(client, { tenantId }, metadata)) {
    scanned.push(...chunk.entries.map(({ key }) => key));
  }
  const withoutToken = await call("Read", { tenantId, key: "b" }, new grpc.Metadata()).then(
    () => "OK",
    ({ code }) => grpc.status[code as grpc.status] as string,
  );
  client.close();
  expect({ written, read, deleted, gone, batch, batchRead, scanned, withoutToken }).toEqual(found);
});

const isGrpcioThere = requirePeer("python3-grpcio", hasGrpcio);

test.if(isGrpcioThere && isOpensslThere)("python3-grpcio", async () => {
  const { node, authority } = secured!;
  const descriptors = join(folder, "descriptors.binpb");
  const built = Bun.spawnSync([join(root, "node_modules/.bin/buf"), "build", "-o", descriptors], {
    cwd: root,
  });
  expect(built.success).toBe(true);
  const script = join(clients, "secured.py");
  const address = `localhost:${node.grpcPort}`;
  const printed = await run([python, script, descriptors, address, authority.certificatePath, token.text]);
  expect(JSON.parse(printed.toString())).toEqual(found);
});

const isCurlThere = requirePeer("curl", () => Bun.which("curl") !== null);

test.if(isCurlThere && isOpensslThere)("curl, with Connect's JSON", async () => {
  const { authority, httpUrl } = secured!;
  const tenantId = "curl";
  const post = async (method: string, contentType: string, body: Uint8Array, headers: readonly string[]) => {
    const all = [`content-type: ${contentType}`, ...headers].flatMap((header) => ["-H", header]);
    const url = `${httpUrl}/storage.StorageNodeService/${method}`;
    const command = [
      "curl",
      "-sS",
      "--cacert",
      authority.certificatePath,
      ...all,
      "--data-binary",
      "@-",
      url,
    ];
    return run(command, body);
  };
  const authorized = [`authorization: ${token.authorization}`];
  const call = async (method: string, request: object, headers = authorized) =>
    JSON.parse(
      (await post(method, "application/json", Buffer.from(JSON.stringify(request)), headers)).toString(),
    );
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const text = (value: string) => Buffer.from(value, "base64").toString();

  const written = (await call("Write", { tenantId, key: "a", value: base64("one") })).success;
  const read = text((await call("Read", { tenantId, key: "a" })).value);
  const deleted = (await call("Delete", { tenantId, key: "a" })).success;
  // JSON leaves out what is false.
  const gone = (await call("Read", { tenantId, key: "a" })).success !== true;
  const entries = ["b", "c"].map((key) => ({ tenantId, key, value: base64(key) }));
  const succeeded = ({ success }: { success: boolean }) => success;
  const batch = (await call("BatchWrite", { entries })).results.map(succeeded);
  const answers = (await call("BatchRead", { tenantId, keys: ["b", "c"] })).results;
  const batchRead = answers.map(({ value }: { value: string }) => text(value));
  const stream = await post("Scan", "application/connect+json", envelope({ tenantId }), authorized);
  const scanned = messagesOf(stream).flatMap((message) =>
    (message.entries ?? []).map(({ key }: { key: string }) => key),
  );
  const withoutToken = (await call("Read", { tenantId, key: "b" }, [])).code.toUpperCase();
  expect({ written, read, deleted, gone, batch, batchRead, scanned, withoutToken }).toEqual(found);
});

/** A message of a Connect stream: flags, length, JSON. */
function envelope(message: object): Uint8Array {
  const json = Buffer.from(JSON.stringify(message));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(json.length, 1);
  return Buffer.concat([prefix, json]);
}

function messagesOf(stream: Buffer) {
  const messages: { entries?: { key: string }[]; error?: unknown }[] = [];
  for (let offset = 0; offset < stream.length; ) {
    const end = offset + 5 + stream.readUInt32BE(offset + 1);
    messages.push(JSON.parse(stream.toString("utf8", offset + 5, end)));
    offset = end;
  }
  return messages;
}

test.if(hasChromium && isOpensslThere)("a page in Chromium, over gRPC-web", async () => {
  const bundle = await Bun.build({
    entrypoints: [join(clients, "secured-page.ts")],
    target: "browser",
    format: "esm",
    define: { nodeUrl: JSON.stringify(secured!.httpUrl), token: JSON.stringify(token.text) },
  });
  const [line = ""] = await web.run(await bundle.outputs[0]!.text(), ["--ignore-certificate-errors"]);
  expect(JSON.parse(line)).toEqual(found);
});
