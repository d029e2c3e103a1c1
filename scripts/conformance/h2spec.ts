/** h2spec, all sections and strict, against the HTTP/2 server in cleartext and over TLS. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeFields } from "../../src/http2/hpack/encoder.ts";
import { Http2Server } from "../../src/http2/server.ts";
import type { TlsMaterial } from "../../src/http2/tls.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { makeAuthority } from "../../test/support/certificates.ts";
import { goTool } from "../support/go-tool.ts";
import type { SuiteResult } from "./known-failures.ts";

const program = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";
const hostname = "127.0.0.1";

export async function runH2spec(folder: string, knownFailures: readonly string[]): Promise<SuiteResult[]> {
  const h2spec = await goTool(program);
  const { key, certificate } = makeAuthority(folder, "localhost");
  const check = (name: string, tls?: () => TlsMaterial) => run(h2spec, folder, knownFailures, name, tls);
  return [await check("cleartext"), await check("TLS", () => ({ key, certificate }))];
}

async function run(
  h2spec: string,
  folder: string,
  knownFailures: readonly string[],
  name: string,
  tls?: () => TlsMaterial,
): Promise<SuiteResult> {
  const server = serve(tls);
  const reportPath = join(folder, `h2spec-${name}.xml`);
  const target = ["--host", hostname, "--port", String(server.port)];
  const secure = tls === undefined ? [] : ["--tls", "--insecure"];
  const command = [h2spec, "--strict", "--junit-report", reportPath, ...target, ...secure];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const printed = await child.stdout.text();
  await child.exited;
  server.destroy();
  const counts = /\d+ tests, \d+ passed, \d+ skipped, \d+ failed/.exec(printed)?.[0];
  const failed = failedCases(readFileSync(reportPath, "utf8"));
  const succeeded = counts !== undefined && Bun.deepEquals(failed.sort(), [...knownFailures].sort());
  if (!succeeded) console.log(`${printed}\nfailed: ${failed.join(", ")}`);
  return { counts: `h2spec, ${name}: ${counts ?? "no counts"}`, succeeded };
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

/** Section and number within it of each case that failed or was skipped: `http2/5.1.1/2`. */
function failedCases(report: string): string[] {
  return report.split("<testsuite ").flatMap((suite) => {
    const section = /\bpackage="([^"]*)"/.exec(suite)?.[1] ?? "";
    return suite
      .split("<testcase ")
      .slice(1)
      .flatMap((text, index) => (/<(failure|error|skipped)/.test(text) ? [`${section}/${index + 1}`] : []));
  });
}
