/** Real nodes that ask for credentials, as operators run them. */
import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { StorageNodeService } from "../../src/gen/storage/storage_node_pb.ts";
import { isOpensslThere, makeAuthority, makeCertificate } from "../support/certificates.ts";
import { runCommand, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";
import { testToken, tokenFileText } from "../support/tokens.ts";

const folder = temporaryFolder();

async function makeToken(file: string, ...args: string[]): Promise<string> {
  const { stdout } = await runCommand(["token", "create", "--file", file, ...args]);
  const path = join(folder, `${args[1]}.token`);
  writeFileSync(path, stdout, { mode: 0o600 });
  return path;
}

const tokenIn = (path: string) => readFileSync(path, "utf8").trim();

/** At once, so that nobody reads half of it. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Resolves once `look` finds what is wanted; the test's own time bounds it. */
async function eventually<T>(look: () => T | Promise<T>, wanted: T): Promise<void> {
  while ((await look()) !== wanted) await Bun.sleep(10);
}

describe("a node with a token file", () => {
  test("serves the command line with a token, and nothing without", async () => {
    const file = join(folder, "tokens");
    const shop = await makeToken(file, "--name", "shop", "--scopes", "read,write", "--tenants", "shop");
    const environment = { PAIRDB_AUTH_TOKEN_FILE: file };
    const node = await startNode({ environment });
    const run = (args: string[], more: Record<string, string> = {}) =>
      runCommand([...args, "--addr", node.grpcAddress], { environment: more });

    expect(await run(["put", "--tenant", "shop", "k", "v"], { PAIRDB_TOKEN_FILE: shop })).toMatchObject({
      exitCode: 0,
    });
    const got = await run(["get", "--tenant", "shop", "k", "--token-file", shop]);
    expect(got).toMatchObject({ exitCode: 0, stdout: "v" });
    expect((await run(["get", "--tenant", "shop", "k"])).stderr).toContain("UNAUTHENTICATED");
    const foreign = await run(["get", "--tenant", "other", "k", "--token-file", shop]);
    expect(foreign.stderr).toContain("PERMISSION_DENIED");
    const small = ["--existing-data", "--records", "50", "--operations", "50", "--token-file", shop];
    expect(await run(["bench", "--tenant", "shop", ...small])).toMatchObject({ exitCode: 0 });

    const output = node.output();
    expect(output).toContain('"reason":"no_credentials"');
    expect(output).toContain('"reason":"tenant"');
    expect(output).not.toContain(tokenIn(shop).split("_")[2] ?? "");
    expect(await node.stop()).toBe(0);
  }, 30_000);

  test.if(isOpensslThere)("serves operators over TLS, by the scopes of their tokens", async () => {
    const authority = makeAuthority(folder, "operators");
    const { keyPath, certificatePath } = makeCertificate(folder, "operated", "operators");
    chmodSync(keyPath, 0o600);
    const file = join(folder, "operator-tokens");
    const scopes = ["--scopes", "read,write,observe,admin"];
    const operator = await makeToken(file, "--name", "operator", ...scopes);
    const watcher = await makeToken(file, "--name", "watcher", "--scopes", "observe");
    const node = await startNode({
      environment: {
        PAIRDB_AUTH_TOKEN_FILE: file,
        PAIRDB_TLS_CERT_FILE: certificatePath,
        PAIRDB_TLS_KEY_FILE: keyPath,
      },
    });
    const run = (args: string[], token: string) => {
      const trust = ["--ca-file", authority.certificatePath, "--token-file", token];
      return runCommand([...args, "--addr", node.grpcAddress, ...trust]);
    };
    const put = await run(["put", "--tenant", "a", "k", "v"], operator);
    expect(put).toMatchObject({ exitCode: 0 });
    for (const args of [["status"], ["tenants"]]) {
      expect(await run(args, watcher)).toMatchObject({ exitCode: 0, stderr: "" });
    }
    const changes = [["flush"], ["compact"], ["checkpoint", "one"], ["delete-tenant", "a", "--yes"]];
    for (const args of changes) {
      const refused = await run(args, watcher);
      expect([args, refused.stderr.includes("PERMISSION_DENIED")]).toEqual([args, true]);
      expect([args, (await run(args, operator)).exitCode]).toEqual([args, 0]);
    }
    expect((await run(["tenants"], watcher)).stdout).toBe("");
    const cleartext = await runCommand(["status", "--addr", node.grpcAddress, "--token-file", operator]);
    expect(cleartext.exitCode).not.toBe(0);
    expect(await node.stop()).toBe(0);
  });

  test.each(["native", "node"])(
    "ends a revoked token on an open connection: %s",
    async (http2) => {
      const [kept, revoked] = [testToken(["read"]), testToken(["read"])];
      const file = join(folder, `revoking-${http2}`);
      writeFileSync(file, tokenFileText([kept, revoked]), { mode: 0o600 });
      const node = await startNode({
        environment: { PAIRDB_AUTH_TOKEN_FILE: file, PAIRDB_SERVER_HTTP2: http2 },
      });
      const baseUrl = `http://${node.grpcAddress}`;
      const sessionManager = new Http2SessionManager(baseUrl);
      const client = createClient(StorageNodeService, createGrpcTransport({ baseUrl, sessionManager }));
      const read = async ({ authorization }: typeof kept): Promise<string> => {
        try {
          await client.read({ tenantId: "t", key: "k" }, { headers: { authorization } });
          return "OK";
        } catch (error) {
          return Code[ConnectError.from(error).code];
        }
      };
      expect([await read(revoked), await read(kept)]).toEqual(["OK", "OK"]);
      replaceFile(file, tokenFileText([kept]));
      node.signal("SIGHUP");
      await eventually(() => read(revoked), "Unauthenticated");
      expect(await read(kept)).toBe("OK");

      // By itself, without a signal; a file that became wrong changes nothing.
      replaceFile(file, "no token\n");
      await eventually(() => node.output().includes("cannot be used"), true);
      expect(await read(kept)).toBe("OK");
      replaceFile(file, tokenFileText([revoked]));
      await eventually(() => read(kept), "Unauthenticated");
      expect(await read(revoked)).toBe("OK");
      sessionManager.abort();
      await node.stop();
    },
    30_000,
  );

  test("keeps the HTTP port's rules, and its probes open", async () => {
    const token = testToken(["read", "observe"]);
    const reader = testToken(["read"]);
    const file = join(folder, "http");
    writeFileSync(file, tokenFileText([token, reader]), { mode: 0o600 });
    const environment = { PAIRDB_AUTH_TOKEN_FILE: file, PAIRDB_METRICS_REQUIRE_TOKEN: "true" };
    const { httpUrl, stop } = await startNode({ environment });
    const get = (path: string, authorization?: string) =>
      fetch(`${httpUrl}${path}`, authorization === undefined ? {} : { headers: { authorization } });
    const health = await get("/health");
    expect([health.status, (await get("/ready")).status]).toEqual([200, 200]);
    expect(health.headers.get("x-content-type-options")).toBe("nosniff");
    expect(health.headers.get("content-security-policy")).toBe("frame-ancestors 'none'");
    const unknown = await get("/metrics");
    expect([unknown.status, unknown.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect((await get("/metrics", reader.authorization)).status).toBe(403);
    const metrics = await (await get("/metrics", token.authorization)).text();
    expect(metrics).toContain('pairdb_rpc_refused_calls_total{reason="no_credentials"');

    const post = (headers: Record<string, string>) =>
      fetch(`${httpUrl}/storage.StorageNodeService/Read`, {
        method: "POST",
        headers: { authorization: token.authorization, "content-type": "application/json", ...headers },
        body: JSON.stringify({ tenantId: "t", key: "k" }),
      });
    expect((await post({})).status).toBe(200);
    expect((await post({ host: "evil.example" })).status).toBe(421);
    expect((await post({ origin: "https://evil.example" })).status).toBe(403);
    for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
      expect((await post({ "content-type": type })).status).toBe(415);
    }
    await stop();
  }, 30_000);
});

describe.if(isOpensslThere)("certificates", () => {
  const authority = makeAuthority(folder, "authority");
  const server = makeCertificate(folder, "server", "authority");
  chmodSync(server.keyPath, 0o600);

  test.each(["native", "node"])(
    "stand for scopes: %s",
    async (http2) => {
      const coordinator = makeCertificate(folder, `coordinator-${http2}`, "authority");
      const nobody = makeCertificate(folder, `nobody-${http2}`, "authority");
      makeAuthority(folder, `strangers-${http2}`);
      const stranger = makeCertificate(folder, `stranger-${http2}`, `strangers-${http2}`);
      const rules = [{ certificate: `CN:coordinator-${http2}`, scopes: ["read", "cluster"] }];
      const node = await startNode({
        environment: {
          PAIRDB_SERVER_HTTP2: http2,
          PAIRDB_TLS_CERT_FILE: server.certificatePath,
          PAIRDB_TLS_KEY_FILE: server.keyPath,
          PAIRDB_TLS_CLIENT_CA_FILE: authority.certificatePath,
          PAIRDB_AUTH_CERTIFICATES: JSON.stringify(rules),
        },
      });
      const statuses = async ({ key, certificate }: typeof server): Promise<string[]> => {
        const baseUrl = `https://${node.grpcAddress}`;
        const sessions = new Http2SessionManager(
          baseUrl,
          {},
          { ca: authority.certificate, cert: certificate, key },
        );
        const client = createClient(
          StorageNodeService,
          createGrpcTransport({ baseUrl, sessionManager: sessions }),
        );
        const calls = [
          client.read({ tenantId: "t", key: "k" }),
          client.repair({
            tenantId: "t",
            key: "k",
            vectorClock: { entries: [{ coordinatorNodeId: "n", logicalTimestamp: 1n }] },
          }),
          client.write({ tenantId: "t", key: "k" }),
        ];
        const ends = calls.map((call) =>
          call.then(
            () => "OK",
            (error: unknown) => Code[ConnectError.from(error).code],
          ),
        );
        const found = (await Promise.all(ends)).map(String);
        sessions.abort();
        return found;
      };
      expect(await statuses(coordinator)).toEqual(["OK", "OK", "PermissionDenied"]);
      expect(await statuses(nobody)).toEqual(["Unauthenticated", "Unauthenticated", "Unauthenticated"]);
      expect(await statuses(stranger)).not.toContain("OK");
      await node.stop();
    },
    30_000,
  );

  test.each([
    ["PAIRDB_TLS_KEY_FILE", "tls.key_file"],
    ["PAIRDB_AUTH_TOKEN_FILE", "open-tokens"],
  ])("%s that others can read keeps a node from starting", async (variable, named) => {
    const open = join(folder, variable === "PAIRDB_TLS_KEY_FILE" ? "open.key" : "open-tokens");
    copyFileSync(server.keyPath, open);
    chmodSync(open, 0o644);
    const environment = {
      PAIRDB_TLS_CERT_FILE: server.certificatePath,
      PAIRDB_TLS_KEY_FILE: server.keyPath,
      PAIRDB_STORAGE_DATA_DIR: join(folder, "never"),
      [variable]: open,
    };
    const { exitCode, stderr } = await runCommand(["serve"], { environment });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("others can read")]);
    expect(stderr).toContain(named);
    expect(stderr).toContain(open);
  });
});
