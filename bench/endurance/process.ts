/** Load by h2load. */
import { unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { envelope } from "../../test/support/raw-grpc.ts";
import { loadPrefix } from "../rpc/processors.ts";
import { requestOf } from "./visits.ts";

export interface SteadyLoad {
  readonly address: string;
  readonly isTls: boolean;
  readonly method: "Read" | "Write";
  readonly key: string;
  readonly callCount: number;
}

/** Throws unless every call got an HTTP success; the node's counters tell the rest. */
export async function generate({ address, isTls, method, key, callCount }: SteadyLoad): Promise<void> {
  const body = join(tmpdir(), `pairdb-endurance-${process.pid}`);
  writeFileSync(body, envelope(requestOf(method, key)));
  const child = Bun.spawn(
    [
      ...loadPrefix(),
      "h2load",
      `--requests=${callCount}`,
      "--clients=8",
      "--max-concurrent-streams=32",
      `--data=${body}`,
      "--header=content-type: application/grpc",
      "--header=te: trailers",
      `${isTls ? "https" : "http"}://${address}/storage.StorageNodeService/${method}`,
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const report = await child.stdout.text();
  unlinkSync(body);
  if (!report.includes(` ${callCount} succeeded, 0 failed, 0 errored, 0 timeout`)) throw new Error(report);
}
