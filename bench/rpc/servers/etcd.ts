/** `etcd` (Debian's etcd-server) with one member on loopback: its KV Range and Put, synced like our writes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { envelope } from "../../../test/support/raw-grpc.ts";
import { probe } from "../probe.ts";
import { serverPrefix } from "../processors.ts";
import { type Counts, expectRise, metricsOf, type Server, type StartServer, type Target } from "../server.ts";
import { firstKey, someValue, type Work } from "../work.ts";
import { putRequest, rangeRequest, valueOfRange } from "./etcd-messages.ts";

export interface EtcdOptions {
  /** Range from what the member has, without asking the others, of which there are none. */
  readonly isSerializable?: boolean;
}

export function isEtcdThere(): boolean {
  return Bun.which("etcd") !== null;
}

export function etcd(options: EtcdOptions = {}): StartServer {
  return async (work) => {
    const folder = mkdtempSync(join(tmpdir(), "etcd-bench-"));
    const [clientUrl, peerUrl] = [`http://127.0.0.1:${freePort()}`, `http://127.0.0.1:${freePort()}`];
    const child = Bun.spawn(
      [...serverPrefix(), "etcd", "--data-dir", folder, ...addresses(clientUrl, peerUrl)],
      { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
    );
    await serving(clientUrl, child);
    await probe(targetOf(clientUrl, { ...work, operation: "write" }, options));
    return serverOf(child, clientUrl, work, options, folder);
  };
}

function addresses(clientUrl: string, peerUrl: string): string[] {
  return [
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    "--quota-backend-bytes=8589934592",
  ];
}

function serverOf(
  child: Bun.Subprocess,
  clientUrl: string,
  work: Work,
  options: EtcdOptions,
  folder: string,
): Server {
  return {
    pid: child.pid,
    target: targetOf(clientUrl, work, options),
    counts: () => callsByMethod(clientUrl),
    verify(rise, callCount) {
      const isWrite = work.operation === "write";
      const series = (method: string) =>
        `grpc_server_handled_total{grpc_code="OK",grpc_method="${method}",grpc_service="etcdserverpb.KV",grpc_type="unary"}`;
      expectRise(rise, {
        [series(isWrite ? "Put" : "Range")]: callCount,
        etcd_mvcc_put_total: isWrite ? callCount : 0,
      });
    },
    valueIn: (body) => valueOfRange(body.subarray(5)),
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function targetOf(clientUrl: string, { operation, valueBytes }: Work, options: EtcdOptions): Target {
  const isWrite = operation === "write";
  const message = isWrite
    ? putRequest(firstKey, someValue(valueBytes))
    : rangeRequest(firstKey, options.isSerializable ?? false);
  return {
    url: `${clientUrl}/etcdserverpb.KV/${isWrite ? "Put" : "Range"}`,
    headers: { "content-type": "application/grpc", te: "trailers" },
    body: envelope(message),
    isHttp1: false,
  };
}

async function callsByMethod(clientUrl: string): Promise<Counts> {
  const counters = await metricsOf(clientUrl);
  return Object.fromEntries(
    [...counters].filter(([series]) => /^(grpc_server_handled_total|etcd_mvcc_put_total)/.test(series)),
  );
}

async function serving(clientUrl: string, child: Bun.Subprocess): Promise<void> {
  while (child.exitCode === null) {
    const health = await fetch(`${clientUrl}/health`).then(
      (response) => response.text(),
      () => "",
    );
    if (health.includes('"true"')) return;
    await Bun.sleep(50);
  }
  throw new Error(`etcd ended with ${child.exitCode} before it served`);
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
