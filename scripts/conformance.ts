/**
 * The HTTP/2 server against h2spec, all sections, strict, in cleartext and over TLS: `bun scripts/conformance.ts`.
 *
 * h2spec is built by Go into node_modules/.cache, at a fixed version. Without Go nothing runs, which is said loudly;
 * with CI=true that is a failure. The last lines count the cases; the exit code is 0 only when all passed.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeFields } from "../src/http2/hpack/encoder.ts";
import { Http2Server } from "../src/http2/server.ts";
import type { TlsMaterial } from "../src/http2/tls.ts";
import { systemClock } from "../src/platform/clock.ts";
import { makeAuthority } from "../test/support/certificates.ts";
import { root } from "./support/process.ts";

const module = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";
const hostname = "127.0.0.1";

/** The path of h2spec; undefined where there is no Go to build it. */
async function buildH2spec(): Promise<string | undefined> {
  if (Bun.which("go") === null) return undefined;
  const folder = join(root, "node_modules", ".cache", "h2spec");
  mkdirSync(folder, { recursive: true });
  const environment = { ...process.env, GOBIN: folder, GOFLAGS: "-mod=mod" };
  const child = Bun.spawn(["go", "install", module], { env: environment, stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`go install ${module} failed`);
  return join(folder, "h2spec");
}

/** Answers every request with 4 KiB, once it is complete: what the cases of flow control need. */
function serve(tls: (() => TlsMaterial) | undefined): Http2Server {
  const headers = encodeFields([
    [":status", "200"],
    ["content-type", "text/plain"],
  ]);
  const body = new Uint8Array(4096).fill(97);
  return new Http2Server({
    hostname,
    port: 0,
    clock: systemClock,
    ...(tls === undefined ? {} : { tls }),
    handle: (request, response) =>
      request.listen({
        data: (_, __, length) => request.grant(length),
        end: () => response.answer(headers, body, 0, body.length),
        aborted: () => undefined,
      }),
  });
}

/** Runs all cases; true when each passed. */
async function check(name: string, h2spec: string, tls?: () => TlsMaterial): Promise<boolean> {
  const server = serve(tls);
  const secure = tls === undefined ? [] : ["--tls", "--insecure"];
  const command = [h2spec, "--strict", "--host", hostname, "--port", String(server.port), ...secure];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const report = await child.stdout.text();
  const exitCode = await child.exited;
  server.destroy();
  const counts = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(report);
  const succeeded = exitCode === 0 && counts !== null && counts[1] === counts[2];
  if (!succeeded) console.log(report);
  console.log(`h2spec, ${name}: ${counts?.[0] ?? "no counts"}`);
  return succeeded;
}

const h2spec = await buildH2spec();
if (h2spec === undefined) {
  console.error(
    "SKIPPED: Go is missing on this machine; h2spec cannot be built, and conformance is not checked",
  );
  process.exit(process.env["CI"] === "true" ? 1 : 0);
}
const folder = mkdtempSync(join(tmpdir(), "conformance-"));
const { key, certificate } = makeAuthority(folder, "localhost");
const results = [await check("cleartext", h2spec), await check("TLS", h2spec, () => ({ key, certificate }))];
rmSync(folder, { recursive: true });
process.exit(results.every(Boolean) ? 0 : 1);
