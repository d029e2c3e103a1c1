/** `healthcheck` says by its exit code alone how the node of this machine is. */
import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isOpensslThere, makeAuthority, makeCertificate } from "../../support/certificates.ts";
import { command, serve } from "../../support/command-line.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

/** Answers to the two paths with these codes, and remembers what was asked for. */
function pretendNode(codes: Readonly<Record<string, number>>, hostname = "127.0.0.1") {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname,
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      return new Response('{"reasons":["starting"]}', { status: codes[pathname] ?? 404 });
    },
  });
  afterAll(() => server.stop(true));
  return { asked, port: String(server.port) };
}

test("a node that is ready", async () => {
  const node = await serve();
  const ready = await command(["healthcheck", "--http-port", String(node.httpPort)]);
  expect(ready.exitCode).toBe(0);
  expect(ready.stdout.toString()).toContain('"ready":true');
});

test("a node that is alive and not ready", async () => {
  const node = pretendNode({ "/health/live": 200, "/health/ready": 503 });
  const notReady = await command(["healthcheck", "--http-port", node.port]);
  expect(notReady.exitCode).toBe(1);
  expect(notReady.stderr).toContain('answered 503: {"reasons":["starting"]}');
  expect((await command(["healthcheck", "--live", "--http-port", node.port])).exitCode).toBe(0);
  expect(node.asked).toEqual(["/health/ready", "/health/live"]);
});

test("no node", async () => {
  const node = await serve();
  node.stop();
  await node.ended;
  const { exitCode, stderr } = await command(["healthcheck", "--http-port", String(node.httpPort)]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("does not answer");
});

test("asks where the configuration says that the node listens", async () => {
  const node = pretendNode({ "/health/ready": 200 }, "::1");
  const file = join(temporaryFolder(), "config.yaml");
  writeFileSync(file, `http: {host: "::", port: ${node.port}}\nauth: {mode: none}\n`);
  expect((await command(["healthcheck", "--config", file])).exitCode).toBe(0);
  const variables = { PAIRDB_HTTP_HOST: "::1", PAIRDB_HTTP_PORT: node.port };
  expect((await command(["healthcheck"], { variables })).exitCode).toBe(0);
});

test.if(isOpensslThere)("speaks TLS where the node does", async () => {
  const folder = temporaryFolder();
  makeAuthority(folder, "authority");
  const { certificatePath, keyPath } = makeCertificate(folder, "node", "authority");
  const variables = { PAIRDB_TLS_CERT_FILE: certificatePath, PAIRDB_TLS_KEY_FILE: keyPath };
  const node = await serve([], { variables });
  const port = String(node.httpPort);
  expect((await command(["healthcheck", "--http-port", port], { variables })).exitCode).toBe(0);
  expect((await command(["healthcheck", "--http-port", port])).exitCode).toBe(1);
});
