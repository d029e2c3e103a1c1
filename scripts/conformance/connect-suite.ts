/** Connect's conformance suite against test/conformance/connect-server.ts, which is exactly the node's edge. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { goModuleFolder, goTool } from "../support/go-tool.ts";
import { bun, root, tool } from "../support/process.ts";
import type { SuiteResult } from "./known-failures.ts";

const module = "connectrpc.com/conformance";
const version = "v1.0.7";

/** What the node does. Of what the suite has besides: Connect's GET, which is for methods without effects. */
const features = {
  versions: ["HTTP_VERSION_1", "HTTP_VERSION_2"],
  protocols: ["PROTOCOL_CONNECT", "PROTOCOL_GRPC", "PROTOCOL_GRPC_WEB"],
  codecs: ["CODEC_PROTO", "CODEC_JSON"],
  compressions: ["COMPRESSION_IDENTITY", "COMPRESSION_GZIP"],
  streamTypes: [
    "STREAM_TYPE_UNARY",
    "STREAM_TYPE_CLIENT_STREAM",
    "STREAM_TYPE_SERVER_STREAM",
    "STREAM_TYPE_HALF_DUPLEX_BIDI_STREAM",
    "STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM",
  ],
  supportsH2c: true,
  supportsTls: true,
  supportsTlsClientCerts: true,
  supportsTrailers: true,
  supportsHalfDuplexBidiOverHttp1: true,
  supportsConnectGet: false,
  supportsMessageReceiveLimit: true,
};

export async function runConnectSuite(
  folder: string,
  knownFailures: readonly string[],
): Promise<SuiteResult[]> {
  const program = await goTool(`${module}/cmd/connectconformance@${version}`);
  const configuration = join(folder, "features.yaml");
  // JSON is YAML too.
  writeFileSync(configuration, JSON.stringify({ features }));
  const child = Bun.spawn(
    [
      program,
      "--mode=server",
      `--conf=${configuration}`,
      ...knownFailures.map((pattern) => `--known-failing=${pattern}`),
      "--",
      bun,
      "test/conformance/connect-server.ts",
      await buildDescriptors(folder),
    ],
    { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const report = await child.stdout.text();
  const succeeded = (await child.exited) === 0;
  const [, counts] = /^(\d+ passed, \d+ failed.*)$/m.exec(report) ?? [];
  if (!succeeded || counts === undefined) console.log(report);
  return [{ counts: `Connect: ${counts ?? "no counts"}`, succeeded: succeeded && counts !== undefined }];
}

/** The suite's own protos, as a file of descriptors. */
async function buildDescriptors(folder: string): Promise<string> {
  const path = join(folder, "conformance.binpb");
  const protos = join(await goModuleFolder(`${module}@${version}`), "proto");
  const child = Bun.spawn([tool("buf"), "build", protos, "--output", path], {
    cwd: root,
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await child.exited) !== 0) throw new Error(`buf cannot build ${protos}`);
  return path;
}
