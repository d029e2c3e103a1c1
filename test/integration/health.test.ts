/** A whole node whose file system is in the test's hand: what probes, both RPCs and metrics say of it. */
import { expect, test } from "bun:test";
import { FaultFileSystem } from "../../src/platform/fault.ts";
import type { FileSystemUsage } from "../../src/platform/file-system.ts";
import { realFileSystem } from "../../src/platform/real.ts";
import { type ServedNode, serve } from "../support/command-line.ts";

class SettableFileSystem extends FaultFileSystem {
  usedShare = 0.5;

  override usage(): FileSystemUsage {
    return { totalBytes: 1000, availableBytes: Math.round(1000 * (1 - this.usedShare)) };
  }
}

/** How busy the machine is plays no part. */
const variables = {
  PAIRDB_HEALTH_WRITE_INTERVAL: "100ms",
  PAIRDB_HEALTH_INTERVAL: "1h",
};

interface Answers {
  readonly live: number;
  readonly health: number;
  readonly ready: number;
  readonly status: string;
  readonly isHealthy: boolean;
  readonly serving: string;
  readonly reasons: readonly string[];
}

/** How the node is, by every way in which it can be asked. */
async function ask({ httpUrl }: ServedNode): Promise<Answers> {
  const call = async (method: string) => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${httpUrl}/${method}`, { method: "POST", headers, body: "{}" });
    return (await answer.json()) as Record<string, never>;
  };
  const [live, health, ready, ready2] = await Promise.all(
    ["/health/live", "/health", "/ready", "/health/ready"].map((path) => fetch(httpUrl + path)),
  );
  const { status, reasons } = (await health!.json()) as Answers;
  const rpc = await call("storage.StorageNodeService/HealthCheck");
  const { status: serving } = await call("grpc.health.v1.Health/Check");
  expect(ready2!.status).toBe(ready!.status);
  expect(rpc["status"]).toBe(status as never);
  return {
    live: live!.status,
    health: health!.status,
    ready: ready!.status,
    status,
    isHealthy: rpc["healthy"] === true,
    serving: serving ?? "",
    reasons,
  };
}

/** Asks once the node has this status; a test's own limit ends what never comes. */
async function whenIts(status: string, node: ServedNode): Promise<Answers> {
  for (;;) {
    const report = (await (await fetch(`${node.httpUrl}/health`)).json()) as Answers;
    if (report.status === status) return ask(node);
    await Bun.sleep(20);
  }
}

const sound = { live: 200, health: 200, ready: 200, isHealthy: true, serving: "SERVING", reasons: [] };
const down = { live: 200, health: 503, ready: 503, isHealthy: false, serving: "NOT_SERVING" };

test("a disk that fills up, and is emptied", async () => {
  const files = new SettableFileSystem(realFileSystem);
  const node = await serve([], { files, variables });
  expect(await whenIts("healthy", node)).toMatchObject(sound);
  files.usedShare = 0.92;
  const throttled = await whenIts("degraded", node);
  expect(throttled).toMatchObject({ ...sound, isHealthy: false, reasons: [expect.stringContaining("disk")] });
  files.usedShare = 0.96;
  const full = await whenIts("unhealthy", node);
  expect(full).toMatchObject({ ...down, reasons: ["the disk is full: all writes are refused"] });
  files.usedShare = 0.5;
  expect(await whenIts("healthy", node)).toMatchObject(sound);
}, 60_000);

test("a data directory that can only be read", async () => {
  const files = new SettableFileSystem(realFileSystem);
  const node = await serve([], { files, variables });
  files.injector = ({ kind, path }) =>
    path.endsWith("health-probe") && kind !== "status" ? "EROFS" : undefined;
  const readOnly = await whenIts("unhealthy", node);
  expect(readOnly).toMatchObject({ ...down, reasons: [expect.stringContaining("EROFS")] });
  const metrics = await (await fetch(`${node.httpUrl}/metrics`)).text();
  expect(metrics).toContain('pairdb_health_check_status{check="data_directory",node_id="test-host"} 2\n');
  files.injector = () => undefined;
  expect(await whenIts("healthy", node)).toMatchObject(sound);
}, 60_000);
