/** Real members of rings: serf agents and Alertmanagers, which both contain HashiCorp memberlist. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ForeignMember {
  readonly name: string;
  readonly port: number;
  /** Members as it sees them: name to state (`alive`, `failed`, `left`, …) and tags or role. */
  members(): Promise<Map<string, { readonly state: string; readonly tags: string }>>;
  kill(): Promise<void>;
  /** Lets it say goodbye. */
  leave(): Promise<void>;
}

export interface ForeignOptions {
  readonly name: string;
  readonly port: number;
  readonly joinPorts?: readonly number[];
  /** Only serf has one. */
  readonly key?: Uint8Array;
}

export const hasSerf = () => existsSync("/usr/bin/serf");
export const hasAlertmanager = () => existsSync("/usr/bin/prometheus-alertmanager");

/** A port that was free a moment ago, for TCP and UDP alike. */
export async function freePort(): Promise<number> {
  for (;;) {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const { port } = listener;
    const isFree = await Bun.udpSocket({ hostname: "127.0.0.1", port }).then(
      (socket) => {
        socket.close();
        return true;
      },
      () => false,
    );
    listener.stop(true);
    if (isFree) return port;
  }
}

const startTimeoutMs = 60_000;

async function run(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "ignore" });
  const text = await new Response(child.stdout).text();
  await child.exited;
  return text;
}

/** Waits until a member that was started is up, and ends it where it does not come up. */
async function untilUp(member: Pick<ForeignMember, "kill">, isUp: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + startTimeoutMs;
  while (performance.now() < endMs) {
    if (await isUp().catch(() => false)) return;
    await Bun.sleep(50);
  }
  await member.kill();
  throw new Error(`a foreign member does not come up within ${startTimeoutMs} ms`);
}

export async function startSerf({ name, port, joinPorts = [], key }: ForeignOptions): Promise<ForeignMember> {
  const rpc = `-rpc-addr=127.0.0.1:${await freePort()}`;
  const child = Bun.spawn(
    [
      "serf",
      "agent",
      `-node=${name}`,
      `-bind=127.0.0.1:${port}`,
      rpc,
      // With `-join` it ends where its first try fails.
      ...joinPorts.map((other) => `-retry-join=127.0.0.1:${other}`),
      "-retry-interval=1s",
      ...(key === undefined ? [] : [`-encrypt=${key.toBase64()}`]),
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
  const members: ForeignMember["members"] = async () => {
    const lines = (await run(["serf", "members", rpc])).trim().split("\n");
    const rows = lines.map((line) => line.trim().split(/\s+/)).filter((row) => row.length >= 3);
    return new Map(rows.map(([member = "", , state = "", tags = ""]) => [member, { state, tags }]));
  };
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  await untilUp({ kill }, async () => (await members()).has(name));
  return {
    name,
    port,
    members,
    kill,
    leave: async () => {
      await run(["serf", "leave", rpc]);
      await child.exited;
    },
  };
}

const alertmanagerConfiguration = "route:\n  receiver: none\nreceivers:\n  - name: none\n";

/** Alertmanager names itself; `name` of the result is what it chose. */
export async function startAlertmanager({ port, joinPorts = [] }: ForeignOptions): Promise<ForeignMember> {
  const folder = mkdtempSync(join(tmpdir(), "alertmanager-"));
  writeFileSync(join(folder, "alertmanager.yml"), alertmanagerConfiguration);
  const webPort = await freePort();
  const child = Bun.spawn(
    [
      "prometheus-alertmanager",
      `--config.file=${join(folder, "alertmanager.yml")}`,
      `--storage.path=${folder}`,
      `--cluster.listen-address=127.0.0.1:${port}`,
      `--cluster.advertise-address=127.0.0.1:${port}`,
      `--web.listen-address=127.0.0.1:${webPort}`,
      ...joinPorts.map((other) => `--cluster.peer=127.0.0.1:${other}`),
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
  const status = async () => {
    const response = await fetch(`http://127.0.0.1:${webPort}/api/v2/status`);
    return (await response.json()) as {
      cluster: { name?: string; peers?: { name: string; address: string }[] };
    };
  };
  const stop = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  let name = "";
  await untilUp({ kill: () => stop("SIGKILL") }, async () => {
    name = (await status()).cluster.name ?? "";
    return name !== "";
  });
  return {
    name,
    port,
    members: async () => {
      const peers = (await status()).cluster.peers ?? [];
      return new Map(peers.map((peer) => [peer.name, { state: "alive", tags: peer.address }]));
    },
    kill: () => stop("SIGKILL"),
    leave: () => stop("SIGTERM"),
  };
}
