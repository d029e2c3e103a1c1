/** Certificates that change under a node: new connections meet the new one, and nobody is cut off. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import * as grpc from "@grpc/grpc-js";
import { type Certificate, isOpensslThere, makeAuthority, makeCertificate } from "../support/certificates.ts";
import { unary } from "../support/grpc-js.ts";
import { startNode } from "../support/node-process.ts";
import { SettableTls } from "../support/settable-tls.ts";
import { temporaryFolder } from "../support/temp-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const rotationCount = Number(process.env["ROTATIONS"] ?? 3);

/** The name in the certificate that a port shows to a new connection. */
function shownName(port: number, authority: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", ca: authority, ALPNProtocols: ["h2", "http/1.1"] };
    const socket = connect(options, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

describe.if(isOpensslThere)("certificates that change", async () => {
  const folder = temporaryFolder();
  const authority = makeAuthority(folder, "authority");
  const certificates = ["first", "second"].map((name) => makeCertificate(folder, name, "authority"));
  const tls = new SettableTls(certificates[0]!);
  const server = await startTestServer({ settings: { tls } });
  const { grpcPort, httpPort } = server.server;

  function grpcClient(): grpc.Client {
    const credentials = grpc.credentials.createSsl(Buffer.from(authority.certificate));
    return new grpc.Client(`localhost:${grpcPort}`, credentials, { "grpc.use_local_subchannel_pool": 1 });
  }

  function callGrpc(client: grpc.Client): Promise<string> {
    return unary(client, "HealthCheck", Buffer.alloc(0)).then(
      () => "OK",
      ({ message }) => message,
    );
  }

  /** By a connection that is kept where the server lets it be. */
  async function callHttp(): Promise<string> {
    try {
      const response = await fetch(`https://127.0.0.1:${httpPort}/health/live`, {
        tls: { ca: authority.certificate },
      });
      return response.status === 200 && (await response.text()).includes("alive") ? "OK" : "no answer";
    } catch (error) {
      return String(error);
    }
  }

  test("both ports show the new one to new connections", async () => {
    expect(await shownName(grpcPort, authority.certificate)).toBe("first");
    expect(await shownName(httpPort, authority.certificate)).toBe("first");
    tls.set(certificates[1]!);
    expect(await shownName(grpcPort, authority.certificate)).toBe("second");
    // For a moment the earlier server is asked as well.
    while ((await shownName(httpPort, authority.certificate)) !== "second");
    tls.set(certificates[0]!);
  });

  test(
    "under load no call fails, on old connections and on new ones",
    async () => {
      const outcomes = new Map<string, number>();
      const note = (where: string, outcome: string) =>
        outcomes.set(`${where}: ${outcome}`, (outcomes.get(`${where}: ${outcome}`) ?? 0) + 1);
      let isOver = false;
      afterAll(() => {
        isOver = true;
      });
      const kept = grpcClient();
      const keeping = async () => {
        while (!isOver) note("gRPC, kept", await callGrpc(kept));
      };
      const renewing = async () => {
        while (!isOver) {
          const client = grpcClient();
          note("gRPC, new", await callGrpc(client));
          client.close();
        }
      };
      const asking = async () => {
        while (!isOver) note("HTTP", await callHttp());
      };
      const load = Promise.all([keeping(), renewing(), asking(), asking()]);
      const hasOnlySucceeded = () => [...outcomes.keys()].every((outcome) => outcome.endsWith(": OK"));
      const counts = () =>
        ["gRPC, kept", "gRPC, new", "HTTP"].map((where) => outcomes.get(`${where}: OK`) ?? 0);
      /** Each kind of call has been made often enough for some of them to have begun after it. */
      const isFarFrom = (before: number[]) => counts().every((count, i) => count >= before[i]! + 5);
      for (let i = 0; i <= rotationCount; i++) {
        const before = counts();
        while (!isFarFrom(before) && hasOnlySucceeded()) await Bun.sleep(10);
        if (i < rotationCount) tls.set(certificates[(i + 1) % 2]!);
      }
      isOver = true;
      await load;
      kept.close();
      expect([...outcomes.keys()].sort()).toEqual(["HTTP: OK", "gRPC, kept: OK", "gRPC, new: OK"]);
      console.info(`${rotationCount} rotations: ${JSON.stringify(Object.fromEntries(outcomes))}`);
    },
    (60 + 2 * rotationCount) * 1000,
  );

  test("a node takes them when its files change, at once with SIGHUP, and not before they fit together", async () => {
    const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
    // As Kubernetes does: names that lead to another folder with each change.
    const pointTo = ({ certificatePath, keyPath }: { certificatePath: string; keyPath: string }) => {
      for (const [name, path] of [
        [files.cert, certificatePath],
        [files.key, keyPath],
      ] as const) {
        symlinkSync(path, `${name}.next`);
        renameSync(`${name}.next`, name);
      }
    };
    const [first, second] = certificates as [Certificate, Certificate];
    for (const { keyPath } of certificates) chmodSync(keyPath, 0o600);
    pointTo(first);
    const environment = { PAIRDB_TLS_CERT_FILE: files.cert, PAIRDB_TLS_KEY_FILE: files.key };
    const node = await startNode({ environment });
    const name = () => shownName(node.grpcPort, authority.certificate);
    expect(await name()).toBe("first");
    pointTo(second);
    while ((await name()) !== "second") await Bun.sleep(50);
    while ((await shownName(node.httpPort, authority.certificate)) !== "second") await Bun.sleep(50);

    pointTo({ ...first, keyPath: second.keyPath });
    node.signal("SIGHUP");
    while (!node.output().includes("do not belong together")) await Bun.sleep(10);
    expect(await name()).toBe("second");
    pointTo(first);
    node.signal("SIGHUP");
    while ((await name()) !== "first") await Bun.sleep(10);
    const metrics = await fetch(`https://127.0.0.1:${node.httpPort}/metrics`, {
      tls: { ca: authority.certificate },
    });
    const end = /^pairdb_tls_certificate_end_seconds\S* (\S+)$/m.exec(await metrics.text())?.[1];
    expect(1000 * Number(end)).toBeWithin(Date.now(), Date.now() + 3 * 86_400_000);
    expect(await node.stop()).toBe(0);
  });

  test("a node does not begin with a key of another certificate", async () => {
    const [first, second] = certificates as [Certificate, Certificate];
    const environment = {
      PAIRDB_TLS_CERT_FILE: first.certificatePath,
      PAIRDB_TLS_KEY_FILE: second.keyPath,
    };
    await expect(startNode({ environment })).rejects.toThrow(
      `(${first.certificatePath} and ${second.keyPath}) do not belong together`,
    );
  });

  test("a port that is taken is not shared", async () => {
    const failing = startTestServer({ settings: { httpPort, tls } });
    await expect(failing).rejects.toThrow("another process listens there");
  });
});
