/**
 * From a fresh checkout to a node with data: installs, starts a node on ./data, loads the sample records, reads
 * some back, and serves until Ctrl-C. `--once` ends after the reading.
 */
import { join } from "node:path";
import { bun, install, root } from "./support/process.ts";

const key = "element/Au";
const ownCommand = "npx -y bun@1.4.5 run pairdb-node";
const curlCommand = [
  "curl -s -H 'content-type: application/json'",
  `-d '{"tenantId":"default","key":"${key}"}'`,
  "http://127.0.0.1:9091/storage.StorageNodeService/Read",
].join(" ");

const main = join(root, "src", "main.ts");

/** Runs one command of the CLI to its end, and returns what it printed. */
async function command(...args: string[]): Promise<string> {
  const child = Bun.spawn([bun, main, ...args], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error(`pairdb-node ${args.join(" ")} failed`);
  return output;
}

/** Passes on what the node prints, and resolves once it says that it serves; false when it ended before. */
async function whenServing(output: ReadableStream<Uint8Array>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const passOn = async (): Promise<void> => {
    let printed = "";
    for await (const chunk of output) {
      process.stdout.write(chunk);
      printed += Buffer.from(chunk).toString();
      if (/ INFO {2}serving /.test(printed)) resolve(true);
    }
    resolve(false);
  };
  void passOn();
  return await promise;
}

async function showSample(): Promise<void> {
  console.log(`\nLoading the sample records, samples/elements.ndjson:`);
  await command("import", "samples/elements.ndjson");
  console.log(`\nReading some back:`);
  process.stdout.write(await command("scan", "--prefix", "element/A", "--limit", "3"));
  console.log(`${key}\t${await command("get", key)}`);
}

function printNextSteps(): void {
  console.log(`
The node serves gRPC on 127.0.0.1:50052 and HTTP on 127.0.0.1:9091. From another terminal, in this folder:

  ${ownCommand} get ${key}
  ${ownCommand} put greeting hello
  ${ownCommand} --help

or from any program, without a client library:

  ${curlCommand}

The values come back in base64 there, as Protobuf's JSON has it. README.md shows clients in other languages.
The data is in ./data and stays. Ctrl-C stops the node.
`);
}

console.log("Installing the dependencies …");
if (!(await install())) {
  console.error("quickstart: the install failed");
  process.exit(1);
}

console.log("Starting a node on ./data …\n");
// A process group of its own: Ctrl-C reaches this script alone, which then asks the node to stop.
const node = Bun.spawn([bun, main, "serve", "--data-dir", "data", "--log-format", "pretty"], {
  cwd: root,
  stdin: "ignore",
  stdout: "pipe",
  stderr: "inherit",
  detached: true,
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => node.kill(signal === "SIGHUP" ? "SIGTERM" : signal));
}

let exitCode = 0;
if (await whenServing(node.stdout)) {
  try {
    await showSample();
    if (process.argv.includes("--once")) node.kill("SIGTERM");
    else printNextSteps();
  } catch (error) {
    console.error(`quickstart: ${error instanceof Error ? error.message : error}`);
    exitCode = 1;
    node.kill("SIGTERM");
  }
}
const nodeExitCode = await node.exited;
process.exit(exitCode === 0 ? nodeExitCode : exitCode);
